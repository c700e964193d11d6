"""
Parameters: their names, gradients and bytes, tied and frozen (section 6.2).

A layer that stands twice in a model has one set of parameters; its gradients add up.
"""

import frameworks
import numpy as np
from common import Section, set_weights, show


def perceptron(d2l, *layers, lr=0.1):
    """Return a model of two parts, `body` and `head`."""

    class Perceptron(d2l.Module):
        def __init__(self):
            super().__init__()
            self.lr = lr
            self.body = frameworks.sequential(d2l, *layers)
            self.head = frameworks.linear(d2l, 4, 1)

        def forward(self, X):
            return self.head(self.body(X))

        def loss(self, y_hat, y):
            return d2l.reduce_mean(d2l.squared_loss(y_hat, y))

        def configure_optimizers(self):
            return frameworks.sgd_of(d2l, self, ["head"])

    return Perceptron()


def show_table(d2l, model, loss):
    """Print each parameter: name, shape, bytes, and the size of its gradient."""
    gradients = frameworks.gradients(d2l, model, loss)
    print(f"{'parameter':16}{'shape':>8}{'bytes':>7}{'norm':>9}{'gradient':>10}")
    for name, W in sorted(d2l.export_weights(model).items()):
        norms = f"{np.linalg.norm(W):9.4f}{np.linalg.norm(gradients[name]):10.4f}"
        print(f"{name:16}{W.shape!s:>8}{W.nbytes:7}{norms}")


def show_tied(d2l, X, seed):
    """Print the gradient of a layer that is used twice, and of two layers with its weights."""
    shared = frameworks.linear(d2l, 4, 4)
    relu = frameworks.relu(d2l)
    tied = perceptron(d2l, shared, relu, shared)
    set_weights(d2l, tied, seed, "he")
    weights = d2l.export_weights(tied)
    print(f"\ntied: {sorted(weights)}")
    untied = perceptron(d2l, frameworks.linear(d2l, 4, 4), relu, frameworks.linear(d2l, 4, 4))
    copies = {name.replace("body.0", "body.2"): array for name, array in weights.items()}
    d2l.import_weights(untied, {**weights, **copies})

    def total(model):
        return d2l.reduce_sum(model(X))

    of_tied, of_untied = (frameworks.gradients(d2l, model, total) for model in (tied, untied))
    both = of_untied["body.0.weight"] + of_untied["body.2.weight"]
    show("gradient of the tied weights", np.linalg.norm(of_tied["body.0.weight"]))
    show("of the first use", np.linalg.norm(of_untied["body.0.weight"]))
    show("of the second use", np.linalg.norm(of_untied["body.2.weight"]))
    print(f"their sum: {np.allclose(of_tied['body.0.weight'], both, atol=1e-5)}")


def show_frozen(d2l, model, X, y):
    """Train the head alone, and print what has changed."""

    class Data(d2l.DataModule):
        def get_dataloader(self, train):
            return self.get_tensorloader((X, y), train)

    data = Data()
    data.batch_size = len(X)
    before = d2l.export_weights(model)
    history = d2l.Trainer(5).fit(model, data)
    print()
    for name, W in sorted(d2l.export_weights(model).items()):
        print(f"{name:16} changed: {not np.array_equal(W, before[name])}")
    show("loss, with the body frozen", history.train_loss)


def run(d2l, options):
    """Print the table, the tied gradients, and what a frozen body is."""
    rng = np.random.default_rng(options.seed)
    X, y = (d2l.tensor(rng.standard_normal((8, n)), dtype=d2l.float32) for n in (4, 1))
    model = perceptron(d2l, frameworks.linear(d2l, 4, 4), frameworks.relu(d2l))
    set_weights(d2l, model, options.seed, "he")
    show_table(d2l, model, lambda model: model.loss(model(X), y))
    show_tied(d2l, X, options.seed)
    show_frozen(d2l, model, X, y)


if __name__ == "__main__":
    Section(__doc__, run, draws=False).main()
