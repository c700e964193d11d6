# %% [markdown]
"""
# Object-oriented design: the base classes of models, data and trainers (section 3.2)

Three classes divide the work in all later chapters: a `Module` is a model with its loss and
optimizer, a `DataModule` provides minibatches, and a `Trainer` brings them together.
"""

# %%
import numpy as np
from common import save_figure, set_weights, start

d2l, args = start(__doc__, backend="jax")

# %% [markdown]
# ## Utilities
#
# `add_to_class` adds a method to a class that has instances already, so that a class can be
# explained in several cells.


# %%
class A:
    """A class whose instances get a method later."""

    def __init__(self):
        self.b = 1


a = A()


@d2l.add_to_class(A)
def do(self):
    """Print an attribute."""
    print("Class attribute 'b' is", self.b)


a.do()

# %% [markdown]
# `save_hyperparameters` saves the arguments of `__init__` as attributes.


# %%
class B(d2l.HyperParameters):
    """A class that saves two of its three arguments."""

    def __init__(self, a, b, c):
        self.save_hyperparameters(ignore=["c"])


b = B(a=1, b=2, c=3)
print("self.a =", b.a, "self.b =", b.b)
print("There is no self.c =", not hasattr(b, "c"))
print("hparams =", b.hparams)

# %% [markdown]
# A board draws points as they come, with `every_n` of them averaged to one.

# %%
board = d2l.ProgressBoard("x", figsize=(4.5, 2.5))
for x in np.arange(0, 10, 0.1):
    board.draw(x, np.sin(x), "sin", every_n=2)
    board.draw(x, np.cos(x), "cos", every_n=10)
for label, points in board.data.items():
    print(f"{label}: {len(points)} points, the first at ({points[0].x:.4f}, {points[0].y:.4f})")

# %% [markdown]
# ## Model, data and trainer
#
# The smallest model has one number. It ignores its input, so what it learns is the mean of the
# targets.


# %%
class Mean(d2l.LinearRegressionScratch):
    """A model that ignores its input, and so learns the mean of the targets."""

    def forward(self, X):
        """Return the bias for each example."""
        return 0 * X @ self.w[...] + self.b[...]


class Targets(d2l.DataModule):
    """80 targets for training and 20 for validation."""

    def __init__(self, batch_size):
        super().__init__()
        self.save_hyperparameters()
        self.y = np.random.default_rng(args.seed).normal(5, 1, (100, 1))

    def get_dataloader(self, train):
        """Return the loader of a part; the inputs are ones."""
        y = d2l.tensor(self.y[:80] if train else self.y[80:], dtype=d2l.float32)
        return self.get_tensorloader((d2l.ones(len(y), 1), y), train)


# %%
model, data = Mean(num_inputs=1, lr=0.1), Targets(batch_size=10)
set_weights(d2l, model, args.seed)
print(f"\nmodel.hparams = {model.hparams}")
print(f"data.batch_size = {data.batch_size}, minibatches: {len(data.train_dataloader())}")
history = d2l.Trainer(max_epochs=5).fit(model, data)
print("validation losses:", " ".join(f"{loss:.4f}" for loss in history.val_loss))
learned = d2l.export_weights(model)["b"][0]
print(f"learned {learned:.4f}, the mean of the training targets is {data.y[:80].mean():.4f}")

# %%
save_figure(args, board.figure())
