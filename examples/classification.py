# %% [markdown]
"""
# The base classification model (section 4.3)

If the last minibatch is smaller, the accuracy over all examples differs from the average of the
minibatches' accuracies. The Trainer reports the accuracy over all examples.
"""

# %%
import numpy as np
from common import image_data, num_pixels, save_figure, set_weights, show, start

d2l, args = start(__doc__, backend="jax", images=True, batch_size=50)

# %% [markdown]
# ## Predictions and accuracy
#
# A `Classifier` predicts the class of the largest logit, of equal logits the first. Its loss is the
# cross-entropy, its accuracy the share of correct predictions.

# %%
model = d2l.Classifier()
Y_hat = d2l.tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5], [2.0, 1.0, 0.0], [0.4, 0.4, 0.2]])
Y = d2l.tensor([0, 2, 0, 1])
show("predictions", d2l.argmax(Y_hat, 1))
show("labels", Y)
show("correct", model.accuracy(Y_hat, Y, averaged=False))
show("accuracy", model.accuracy(Y_hat, Y))
show("loss of each example", model.loss(Y_hat, Y, averaged=False))
show("loss", model.loss(Y_hat, Y))

# %% [markdown]
# ## Accuracy over minibatches, and over examples
#
# A few images in the last minibatch count as much as fifty others if the minibatches' accuracies
# are averaged.

# %%
data = image_data(d2l, args)
model = d2l.SoftmaxRegression(num_outputs=len(data.classes), lr=0.1, num_inputs=num_pixels(data))
set_weights(d2l, model, args.seed)
history = d2l.Trainer(max_epochs=1).fit(model, data)

# %%
batches = list(data.val_dataloader())
sizes = np.array([len(y) for _, y in batches])
accuracies = np.array([float(model.accuracy(model(X), y)) for X, y in batches])
print(f"\nvalidation: {sizes.sum()} examples, {len(sizes)} minibatches, the last of {sizes[-1]}")
show("over minibatches", accuracies.mean())
show("over examples", np.average(accuracies, weights=sizes))
show("history.val_acc", history.val_acc[-1])

# %%
count = len(batches)
curves = [accuracies, [accuracies.mean()] * count, [history.val_acc[-1]] * count]
legend = ["a minibatch", "average over minibatches", "over examples"]
fmts = ("o", "m--", "g-.")
numbers = range(1, count + 1)
d2l.plot(numbers, curves, "minibatch", "accuracy", legend, fmts=fmts, figsize=(4.5, 3))
save_figure(args, d2l.plt.gcf())
