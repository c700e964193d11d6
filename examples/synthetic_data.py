# %% [markdown]
"""
# Synthetic regression data, and two ways to read it in minibatches (section 3.3)

Data whose true weights are known show whether a model finds them. The labels here are
`2 x1 - 3.4 x2 + 4.2`, and a little noise.
"""

# %%
import numpy as np
from common import save_figure, show, start, synthetic_data

d2l, args = start(__doc__, backend="jax", batch_size=32)

# %%
data = synthetic_data(d2l, args)
show("features of the first example", data.X[0])
show("its label", data.y[0])
X, y = data.X[: data.num_train], data.y[: data.num_train]

# %% [markdown]
# ## Minibatches by hand
#
# An epoch visits each example once, in random order; the last minibatch may be smaller.


# %%
def minibatches(X, y, batch_size, rng):
    """Yield minibatches in random order: a loader written by hand."""
    indices = rng.permutation(len(X))
    for i in range(0, len(X), batch_size):
        chosen = indices[i : i + batch_size]
        yield X[chosen], y[chosen]


def show_loader(name, batches):
    """Print the number of minibatches and of examples, and the first shapes."""
    batches = list(batches)
    X, y = batches[0]
    examples = sum(len(X) for X, _ in batches)
    print(f"\n{name}: {len(batches)} minibatches, {examples} examples")
    print("X shape:", tuple(X.shape), "y shape:", tuple(y.shape), "last:", len(batches[-1][0]))
    show("first example of the first", X[0])


rng = np.random.default_rng(args.seed + 1)
show_loader("by hand", minibatches(X, y, args.batch_size, rng))

# %% [markdown]
# ## The library's loader
#
# It draws a new order for each epoch, which depends on the seed and the epoch's number alone. Both
# backends draw the same.

# %%
show_loader("get_tensorloader", data.get_tensorloader((X, y), train=True))
show_loader("the next epoch, another order", data.train_dataloader())

# %%
timer = d2l.Timer()
for _ in minibatches(X, y, args.batch_size, rng):
    pass
print(f"\none pass by hand:          {timer.stop():.5f} sec")
timer.start()
for _ in data.train_dataloader():
    pass
print(f"one pass of the loader:    {timer.stop():.5f} sec")

# %% [markdown]
# ## The data
#
# The label falls with the second feature, and rises more slowly with the first.

# %%
figure, axes = d2l.plt.subplots(1, 2, figsize=(7, 3), layout="constrained", sharey=True)
for j, ax in enumerate(axes):
    d2l.plot(X[:, j], y, f"feature {j}", "label" if j == 0 else "", fmts="C0.", axes=ax)
save_figure(args, figure)
