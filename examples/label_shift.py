# %% [markdown]
"""
# Label shift: test data with different class frequencies (section 4.7.3.2)

A classifier's confusion matrix and its predictions for unlabelled test data determine how much more
frequent each class has become, and the loss to expect there. The data are scikit-learn's digits.
"""

# %%
import numpy as np
from common import save_figure, set_weights, show, start

from d2l_common.data.digits import load_digits_images

d2l, args = start(__doc__, backend="jax", epochs=30)

# %% [markdown]
# ## Shifted data
#
# In the test data a 9 is about ten times as frequent as a 0.

# %%
NUM_CLASSES = 10


def split_digits(rng):
    """Return images `(n, 64)` and labels for training, validation and shifted test data."""
    parts = load_digits_images()
    X = np.concatenate([images for images, _ in parts]).reshape(-1, 64) / 255
    y = np.concatenate([labels for _, labels in parts]).astype(np.int32)
    order = rng.permutation(len(y))
    train, val, pool = np.split(order, [700, 1300])
    shares = np.linspace(1, 10, NUM_CLASSES)[y[pool]]
    test = rng.choice(pool, 1000, p=shares / shares.sum())
    return [(X[part], y[part]) for part in (train, val, test)]


arrays = split_digits(np.random.default_rng(args.seed))
training, validation, test = [(d2l.tensor(X, dtype=d2l.float32), d2l.tensor(y)) for X, y in arrays]

# %% [markdown]
# ## A classifier
#
# It learns from the training data, where all classes are about as frequent.


# %%
class Parts(d2l.DataModule):
    """The training and validation parts."""

    batch_size = 50
    seed = args.seed

    def get_dataloader(self, train):
        """Return the loader of a part."""
        return self.get_tensorloader(training if train else validation, train)


model = d2l.SoftmaxRegression(num_outputs=NUM_CLASSES, lr=0.1, num_inputs=64)
set_weights(d2l, model, args.seed)
history = d2l.Trainer(args.epochs).fit(model, Parts())

# %% [markdown]
# ## The estimate
#
# Column by column, the confusion matrix says what the classifier makes of each class. The
# predictions for the test data are a mixture of these columns, and solving for the mixture gives
# the classes' new frequencies.

# %%
logits_val, logits_test = model(validation[0]), model(test[0])
confusion = d2l.confusion_matrix(d2l.argmax(logits_val, 1), validation[1], NUM_CLASSES)
weights = d2l.numpy(d2l.label_shift_weights(confusion, d2l.argmax(logits_test, 1)))
before, after = (np.bincount(y, minlength=NUM_CLASSES) / len(y) for _, y in (arrays[0], arrays[2]))
rows = {
    "frequency in training data": before,
    "frequency in test data": after,
    "their ratio": after / before,
    "estimated without test labels": weights,
}
print(f"{'class':30}" + "".join(f"{c:8}" for c in range(NUM_CLASSES)))
for name, row in rows.items():
    print(f"{name:30}" + "".join(f"{number:8.4f}" for number in row))

# %% [markdown]
# ## The loss to expect
#
# Validation examples that count by these weights have about the loss of the test data.

# %%
losses = d2l.numpy(model.loss(logits_val, validation[1], averaged=False))
print()
show("loss on validation data", losses.mean())
show("weighted: expected in the tests", np.mean(weights[arrays[1][1]] * losses))
show("loss on test data", model.loss(logits_test, test[1]))

# %%
matrix = [[d2l.numpy(confusion)]]
d2l.show_heatmaps(matrix, "label", "prediction", ["share of examples"], figsize=(4, 3.2))
save_figure(args, d2l.plt.gcf())
