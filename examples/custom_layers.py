# %% [markdown]
"""
# Layers of your own (section 6.5)

Without parameters, with one, with a buffer that is kept and not trained, and with a gradient that
is not the derivative.
"""

# %%
import frameworks
import numpy as np
from common import set_weights, show, start

d2l, args = start(__doc__, backend="jax", draws=False)


def tensor(array):
    """Return an array as a float32 tensor."""
    return d2l.tensor(array, dtype=d2l.float32)


# %% [markdown]
# ## Without parameters
#
# A layer is a module with a `forward`.


# %%
class Centered(d2l.Module):
    """A layer that subtracts the mean."""

    def forward(self, X):
        """Return `X` less its mean."""
        return X - d2l.reduce_mean(X)


show("centered", Centered()(tensor([1.0, 2.0, 3.0, 4.0, 5.0])))

# %% [markdown]
# ## With a parameter
#
# RMSNorm divides each example by the root of its mean square, and learns a gain for each feature.


# %%
class RMSNorm(d2l.Module):
    """A layer that divides by the root of the mean square."""

    def __init__(self, num_features, eps=1e-6):
        super().__init__()
        self.eps = eps
        self.gain = frameworks.parameter(d2l, d2l.ones(num_features))

    def forward(self, X):
        """Return the normalized `X`, of the same shape."""
        mean_square = d2l.reduce_mean(X * X, -1, keepdims=True)
        return self.gain * X / (mean_square + self.eps) ** 0.5


X = tensor(100 * np.random.default_rng(args.seed).standard_normal((2, 8)))
norm = RMSNorm(8)
show("mean square after RMSNorm", d2l.reduce_mean(norm(X) ** 2, -1))
linear = frameworks.linear(d2l, 8, 4)
set_weights(d2l, linear, args.seed, "he")
show("after a linear layer", frameworks.sequential(d2l, linear, RMSNorm(4))(X))

# %% [markdown]
# ## With a buffer
#
# The mask of a causal attention: scores of what comes later become very small. It is saved with the
# model, and not trained.


# %%
class CausalMask(d2l.Module):
    """A layer that lowers the scores of what comes later."""

    def __init__(self, length):
        super().__init__()
        later = np.triu(np.ones((length, length), np.float32), 1)
        frameworks.set_buffer(d2l, self, "later", d2l.tensor(later))

    def forward(self, scores):
        """Return the masked scores, of the same shape."""
        n = scores.shape[-1]
        return scores - 1e9 * self.later[:n, :n]


mask = CausalMask(8)
show("softmax of masked scores", d2l.softmax(mask(d2l.zeros(3, 3))))
for layer in (norm, mask):
    kept, trained = d2l.export_weights(layer), d2l.export_weights(layer, state=False)
    print(f"{type(layer).__name__}: trains {list(trained)}, keeps {list(kept)}")

# %% [markdown]
# ## With a gradient of its own
#
# Rounding has the derivative 0 almost everywhere, so nothing below it would learn. The
# straight-through estimator rounds, and hands the gradient on as if it did not.


# %%
def rounded(x):
    """Return positive numbers rounded down, with the gradient of the identity."""
    floor = d2l.astype(d2l.astype(x, d2l.int32), d2l.float32)
    return x + frameworks.held_constant(d2l, floor - x)


w, weights = tensor([0.9, 1.4, 2.6]), tensor([1.0, 2.0, 3.0])
show("\nw", w)
show("w, rounded down", rounded(w))
show("straight-through gradient", d2l.grad(lambda w: d2l.reduce_sum(rounded(w) * weights))(w))

# %% [markdown]
# With it, SGD finds the numbers that round down to 3, 2 and 1.

# %%
for _ in range(20):
    gap = d2l.grad(lambda w: d2l.reduce_sum((rounded(w) - 4 + weights) ** 2))(w)
    w = w - 0.1 * gap
show("w after 20 steps to [3, 2, 1]", rounded(w))
