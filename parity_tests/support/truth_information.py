"""The truth of densities and of what measures information (chapters 3 and 4)."""

import numpy as np

from parity_tests.support.draws import KINDS
from parity_tests.support.truth import gradient, value, weighted

MEAN, STD = 0.5, 3.0  # float32 has them exactly


def exact_normal_density(x):
    z = (x - MEAN) / STD
    pi = 4 * np.arctan(np.ones((), x.dtype))
    density = np.exp(-(z**2) / 2) / (STD * np.sqrt(2 * pi))
    return density, (2.5 * z**2 + 7) * density


def exact_normal_density_gradient(x, v):
    z = (x - MEAN) / STD
    gradient = -v * exact_normal_density(x)[0] * z / STD
    return gradient, (2.5 * z**2 + 13) * np.abs(gradient)


value(
    "normal_density",
    lambda source: (source.reals(*source.shape),),
    lambda d2l, x: d2l.normal_density(x, MEAN, STD),
    exact_normal_density,
)
gradient(
    "normal_density",
    lambda source: (source.reals(*source.shape), source.weights(*source.shape)),
    weighted(lambda d2l, x: d2l.normal_density(x, MEAN, STD)),
    exact_normal_density_gradient,
    # Further out the density vanishes before it is multiplied by z.
    scales=(1e-30, 1e-3, 1.0, 5.0, 1e30),
)


def xlogy(x, y):
    """Return `x log y`, which is 0 where `x` is, unless `y` is NaN."""
    return np.where((x == 0) & ~np.isnan(y), 0, x * np.log(y))


def exact_entropy(p):
    terms = xlogy(p, p)
    return -terms.sum(axis=-1), (p.shape[-1] + 4) * np.abs(terms).sum(axis=-1)


def exact_divergence(p, q):
    ones, others = xlogy(p, p), xlogy(p, q)
    sizes = (np.abs(ones) + np.abs(others)).sum(axis=-1)
    return (ones - others).sum(axis=-1), (p.shape[-1] + 5) * sizes


# A gradient has one weight for each row; where p is 0, its entry is NaN: 0 / 0, as autodiff has it.


def exact_entropy_gradient(p, v):
    v = v[:, None]
    return -v * (np.log(p) + p / p), np.abs(v) * (6 * np.abs(np.log(p)) + 3)


def exact_divergence_gradient_by_p(p, q, v):
    v = v[:, None]
    sizes = np.abs(np.log(p)) + np.abs(np.log(q)) + 1
    return v * (np.log(p) + p / p - np.log(q)), np.abs(v) * sizes


def exact_divergence_gradient_by_q(p, q, v):
    gradient = -v[:, None] * p / q
    return gradient, np.abs(gradient)


def distributions(number):
    return lambda source: tuple(source.probabilities(*source.shape) for _ in range(number))


def with_weights(arrays):
    return lambda source: (*arrays(source), source.weights(source.n))


value("entropy", distributions(1), lambda d2l, p: d2l.entropy(p), exact_entropy)
gradient(
    "entropy",
    with_weights(distributions(1)),
    weighted(lambda d2l, p: d2l.entropy(p)),
    exact_entropy_gradient,
)


def divergence(d2l, p, q):
    return d2l.kl_divergence(p, q)


value("kl_divergence", distributions(2), divergence, exact_divergence)
gradient(
    "kl_divergence by p",
    with_weights(distributions(2)),
    weighted(divergence),
    exact_divergence_gradient_by_p,
)
gradient(
    "kl_divergence by q",
    with_weights(distributions(2)),
    weighted(divergence),
    exact_divergence_gradient_by_q,
    by=1,
    # Not the quotient of two subnormal numbers, which have few digits.
    kinds=tuple(kind for kind in KINDS if kind != "subnormal"),
)
