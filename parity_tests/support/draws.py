"""
Arrays of every awkward kind, from a few numbers that Hypothesis draws.

Hypothesis chooses a seed, a shape of a fixed pool, a scale and a kind; NumPy makes the arrays.
That is fast, and it compiles few programs: in JAX a new shape costs 0.2 to 1 s.
"""

from typing import NamedTuple

import numpy as np

# No example, one element, a column, a row, an odd shape, a prime one, minibatches, a long row.
ROWS = ((0, 3), (1, 1), (3, 1), (1, 7), (7, 5), (17, 13), (256, 10), (3, 1000))
FEW = ((0, 3), (1, 1), (7, 5), (256, 10))
LONG = (*FEW, (3, 1000))

SCALES = (1e-30, 1e-3, 1.0, 30.0, 1e4, 1e30)
# Where products of several factors neither overflow nor underflow in float32.
MODERATE = (1e-3, 1.0, 30.0)

FINITE = ("finite", "equal")
KINDS = (*FINITE, "subnormal", "infinite", "nan")


class Draw(NamedTuple):
    """The few numbers that a test draws; the arrays follow from them."""

    seed: int
    shape: tuple[int, int]
    scale: float = 1.0
    kind: str = "finite"


class Source:
    """The arrays of one draw, in one dtype."""

    def __init__(self, draw, dtype):
        self.n, self.num_columns = self.shape = draw.shape
        self.scale, self.kind, self.dtype = draw.scale, draw.kind, dtype
        self.rng = np.random.default_rng(draw.seed)

    def weights(self, *shape):
        """Return numbers of size 1/2 to 1: what results are weighted with in a sum."""
        # Above 1 they could lift a result that has vanished back into the range.
        return (self._signs(shape) * self.rng.uniform(0.5, 1, shape)).astype(self.dtype)

    def reals(self, *shape):
        """Return numbers of the draw's scale and kind, of both signs; zeros and ties among them."""
        if self.kind == "smooth":  # away from kinks and poles, for finite differences
            return self.weights(*shape)
        x = self.scale * self.rng.standard_normal(shape)
        if self.kind == "equal":
            return np.full(shape, self.scale * self.rng.standard_normal(), self.dtype)
        if x.size:
            x = np.where(self._some(shape), x.max(axis=-1, keepdims=True), x)
        x = np.where(self._some(shape), 0.0 * self._signs(shape), x)
        return self._special(x).astype(self.dtype)

    def positive(self, *shape):
        """Return the sizes of `reals`: zeros among them, NaN and infinity if so drawn."""
        return np.abs(self.reals(*shape))

    def probabilities(self, *shape):
        """Return rows that sum to about 1, some entries 0 and some rows certain."""
        if self.kind == "smooth":
            x = self.rng.uniform(0.2, 1, shape)
        else:
            x = np.exp(min(self.scale, 10.0) * self.rng.standard_normal(shape))
            x = np.where(self._some(shape), 0, x)
            x = x + (x.sum(axis=-1, keepdims=True) == 0)
        return self._special(x / x.sum(axis=-1, keepdims=True)).astype(self.dtype)

    def labels(self):
        """Return a class for each example: integers of shape `(n,)`."""
        return self.rng.integers(0, self.num_columns, self.n)

    def mask(self, *shape):
        """Return zeros and ones."""
        return self.rng.integers(0, 2, shape)

    def _some(self, shape):
        return self.rng.random(shape) < 0.15

    def _signs(self, shape):
        return self.rng.choice([-1.0, 1.0], shape)

    def _special(self, x):
        special = {
            "subnormal": float(np.finfo(self.dtype).tiny) / 3,
            "infinite": np.inf,
            "nan": np.nan,
        }.get(self.kind)
        if special is None:
            return x
        # About two entries, so that most rows have none.
        chosen = self.rng.random(x.shape) * x.size < 2
        return np.where(chosen, np.copysign(special, x), x)
