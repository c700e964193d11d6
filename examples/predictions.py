# %% [markdown]
"""
# Predictions of softmax regression, and the images it classifies wrongly (section 4.4.5)

A look at its mistakes shows what a classifier has not learned.
"""

# %%
import numpy as np
from common import image_data, num_pixels, save_figure, set_weights, show, start

d2l, args = start(__doc__, backend="jax", images=True, epochs=10, batch_size=256, lr=0.1)

# %% [markdown]
# ## Training
#
# The model of the section, for a few epochs.

# %%
data = image_data(d2l, args)
model = d2l.SoftmaxRegressionScratch(num_pixels(data), len(data.classes), args.lr)
set_weights(d2l, model, args.seed)
history = d2l.Trainer(args.epochs).fit(model, data)
show("validation accuracy", history.val_acc[-1])

# %% [markdown]
# ## The mistakes of a minibatch

# %%
X, y = next(iter(data.val_dataloader()))
preds = d2l.argmax(model(X), 1)
wrong = np.flatnonzero(d2l.numpy(preds) != d2l.numpy(y))
print(f"of {len(y)} images {len(wrong)} are classified wrongly")
X, y, preds = X[wrong], y[wrong], preds[wrong]
names = list(zip(data.text_labels(y), data.text_labels(preds), strict=True))
for i, (true, predicted) in zip(wrong[:16], names, strict=False):
    print(f"image {i:3}: {true:12} taken for {predicted}")

# %% [markdown]
# Up to two rows of eight images, with both names.

# %%
labels = [f"true: {true}\npred: {predicted}" for true, predicted in names]
rows = 2 if len(labels) > 8 else 1
save_figure(args, data.visualize([X, y], nrows=rows, labels=labels)[0].figure)
