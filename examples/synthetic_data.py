"""Synthetic regression data, and two ways to read it in minibatches (section 3.3)."""

import numpy as np
from common import Section, show


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


def run(d2l, options):
    """Print data and minibatches, and return the figure of the data."""
    data = d2l.SyntheticRegressionData(
        w=d2l.tensor([2, -3.4]), b=4.2, batch_size=options.batch_size, seed=options.seed
    )
    show("features of the first example", data.X[0])
    show("its label", data.y[0])
    X, y = data.X[: data.num_train], data.y[: data.num_train]
    rng = np.random.default_rng(options.seed + 1)
    show_loader("by hand", minibatches(X, y, options.batch_size, rng))
    show_loader("get_tensorloader", data.get_tensorloader((X, y), train=True))
    show_loader("the next epoch, another order", data.train_dataloader())

    timer = d2l.Timer()
    for _ in minibatches(X, y, options.batch_size, rng):
        pass
    print(f"\none pass by hand:          {timer.stop():.5f} sec")
    timer.start()
    for _ in data.train_dataloader():
        pass
    print(f"one pass of the loader:    {timer.stop():.5f} sec")

    figure, axes = d2l.plt.subplots(1, 2, figsize=(7, 3), layout="constrained", sharey=True)
    for j, ax in enumerate(axes):
        d2l.plot(X[:, j], y, f"feature {j}", "label" if j == 0 else "", fmts="C0.", axes=ax)
    return figure


if __name__ == "__main__":
    Section(__doc__, run, extra={"batch_size": 32}).main()
