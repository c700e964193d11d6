"""
Layers of your own (section 6.5).

Without parameters, with one, with a buffer that is kept and not trained, and with a gradient that
is not the derivative.
"""

import frameworks
import numpy as np
from common import Section, set_weights, show


def tensor(d2l, array):
    """Return an array as a float32 tensor."""
    return d2l.tensor(array, dtype=d2l.float32)


def centered(d2l):
    """Return a layer without parameters: it subtracts the mean."""

    class Centered(d2l.Module):
        def forward(self, X):
            return X - d2l.reduce_mean(X)

    return Centered()


def rms_norm(d2l, num_features, eps=1e-6):
    """Return a layer with one parameter: it divides by the root of the mean square."""

    class RMSNorm(d2l.Module):
        def __init__(self):
            super().__init__()
            self.gain = frameworks.parameter(d2l, d2l.ones(num_features))

        def forward(self, X):
            mean_square = d2l.reduce_mean(X * X, -1, keepdims=True)
            return self.gain * X / (mean_square + eps) ** 0.5

    return RMSNorm()


def causal_mask(d2l, length):
    """Return a layer with a buffer: scores of what comes later become very small."""

    class CausalMask(d2l.Module):
        def __init__(self):
            super().__init__()
            later = np.triu(np.ones((length, length), np.float32), 1)
            frameworks.set_buffer(d2l, self, "later", d2l.tensor(later))

        def forward(self, scores):
            n = scores.shape[-1]
            return scores - 1e9 * self.later[:n, :n]

    return CausalMask()


def rounded(d2l, x):
    """Return `x` rounded down, with the gradient of the identity (straight-through estimator)."""
    floor = d2l.astype(d2l.astype(x, d2l.int32), d2l.float32)  # of positive numbers
    return x + frameworks.held_constant(d2l, floor - x)


def show_layers(d2l, seed):
    """Print the layers' outputs, and what they train and keep."""
    show("centered", centered(d2l)(tensor(d2l, [1.0, 2.0, 3.0, 4.0, 5.0])))
    X = tensor(d2l, 100 * np.random.default_rng(seed).standard_normal((2, 8)))
    norm = rms_norm(d2l, 8)
    show("mean square after RMSNorm", d2l.reduce_mean(norm(X) ** 2, -1))
    linear = frameworks.linear(d2l, 8, 4)
    set_weights(d2l, linear, seed, "he")
    show("after a linear layer", frameworks.sequential(d2l, linear, rms_norm(d2l, 4))(X))
    mask = causal_mask(d2l, 8)
    show("softmax of masked scores", d2l.softmax(mask(d2l.zeros(3, 3))))
    for layer in (norm, mask):
        kept, trained = d2l.export_weights(layer), d2l.export_weights(layer, state=False)
        print(f"{type(layer).__name__}: trains {list(trained)}, keeps {list(kept)}")


def show_gradient(d2l):
    """Print the gradient of rounding, which is 0, and the estimator's."""
    w, weights = tensor(d2l, [0.9, 1.4, 2.6]), tensor(d2l, [1.0, 2.0, 3.0])
    show("\nw", w)
    show("w, rounded down", rounded(d2l, w))

    def loss(w):
        return d2l.reduce_sum(rounded(d2l, w) * weights)

    show("straight-through gradient", d2l.grad(loss)(w))
    steps = w
    for _ in range(20):  # toward the integers 3, 2, 1
        gap = d2l.grad(lambda w: d2l.reduce_sum((rounded(d2l, w) - 4 + weights) ** 2))(steps)
        steps = steps - 0.1 * gap
    show("w after 20 steps to [3, 2, 1]", rounded(d2l, steps))


def run(d2l, options):
    """Print layers and gradients."""
    show_layers(d2l, options.seed)
    show_gradient(d2l)


if __name__ == "__main__":
    Section(__doc__, run, draws=False).main()
