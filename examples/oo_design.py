"""Object-oriented design: the base classes of models, data and trainers (section 3.2)."""

import numpy as np
from common import Section, set_weights


def show_utilities(d2l):
    """Add a method to a class that has an instance, and save the arguments of an `__init__`."""

    class A:
        def __init__(self):
            self.b = 1

    a = A()

    @d2l.add_to_class(A)
    def do(self):
        print("Class attribute 'b' is", self.b)

    a.do()

    class B(d2l.HyperParameters):
        def __init__(self, a, b, c):
            self.save_hyperparameters(ignore=["c"])

    b = B(a=1, b=2, c=3)
    print("self.a =", b.a, "self.b =", b.b)
    print("There is no self.c =", not hasattr(b, "c"))
    print("hparams =", b.hparams)


def board_of_waves(d2l):
    """Return a board with a point of sine for every 2 calls, and of cosine for every 10."""
    board = d2l.ProgressBoard("x", figsize=(4.5, 2.5))
    for x in np.arange(0, 10, 0.1):
        board.draw(x, np.sin(x), "sin", every_n=2)
        board.draw(x, np.cos(x), "cos", every_n=10)
    for label, points in board.data.items():
        print(f"{label}: {len(points)} points, the first at ({points[0].x:.4f}, {points[0].y:.4f})")
    return board


def show_classes(d2l, seed):
    """Train one number with a Module, a DataModule and a Trainer."""

    class Mean(d2l.LinearRegressionScratch):
        """A model that ignores its input, and so learns the mean of the targets."""

        def forward(self, X):
            return 0 * X @ self.w[...] + self.b[...]

    class Targets(d2l.DataModule):
        def __init__(self, batch_size):
            super().__init__()
            self.save_hyperparameters()
            self.y = np.random.default_rng(seed).normal(5, 1, (100, 1))

        def get_dataloader(self, train):
            y = d2l.tensor(self.y[:80] if train else self.y[80:], dtype=d2l.float32)
            return self.get_tensorloader((d2l.ones(len(y), 1), y), train)

    model, data = Mean(num_inputs=1, lr=0.1), Targets(batch_size=10)
    set_weights(d2l, model, seed)
    print(f"\nmodel.hparams = {model.hparams}")
    print(f"data.batch_size = {data.batch_size}, minibatches: {len(data.train_dataloader())}")
    history = d2l.Trainer(max_epochs=5).fit(model, data)
    print("validation losses:", " ".join(f"{loss:.4f}" for loss in history.val_loss))
    learned = d2l.export_weights(model)["b"][0]
    print(f"learned {learned:.4f}, the mean of the training targets is {data.y[:80].mean():.4f}")


def run(d2l, options):
    """Run the utilities and the classes, and return the figure of a board."""
    show_utilities(d2l)
    board = board_of_waves(d2l)
    show_classes(d2l, options.seed)
    return board.figure()


if __name__ == "__main__":
    Section(__doc__, run).main()
