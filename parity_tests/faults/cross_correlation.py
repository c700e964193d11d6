"""Faults in cross-correlation and pooling."""

from parity_tests.faults.checks import gradient, value
from parity_tests.faults.planting import around, instead_of


@around("d2l_*.nn.cross_correlation.corr2d", caught_by=value("corr2d"))
def a_flipped_kernel(d2l, original, X, K):
    flipped = d2l.stack([d2l.stack([*row][::-1]) for row in [*K][::-1]])
    return original(X, flipped)


@around("d2l_*.nn.cross_correlation.corr2d", caught_by=gradient("corr2d by X"))
def a_result_doubled(d2l, original, X, K):
    return 2 * original(X, K)


@instead_of("d2l_*.nn.cross_correlation.corr2d_multi_in", caught_by=value("corr2d_multi_in"))
def the_first_channel_alone(d2l, X, K):
    return d2l.corr2d(X[0], K[0])


@instead_of("d2l_*.nn.cross_correlation.corr2d_multi_in", caught_by=value("corr2d_multi_in"))
def channels_averaged(d2l, X, K):
    return d2l.stack([d2l.corr2d(x, k) for x, k in zip(X, K, strict=True)]).mean(0)


@around("d2l_*.nn.cross_correlation.corr2d_multi_in_out", caught_by=value("corr2d_multi_in_out"))
def kernels_in_the_other_order(d2l, original, X, K):
    return d2l.stack([*original(X, K)][::-1])


@instead_of(
    "d2l_*.nn.cross_correlation.corr2d_multi_in_out_1x1", caught_by=value("corr2d_multi_in_out_1x1")
)
def channels_in_the_last_axis(d2l, X, K):
    pixels = d2l.matmul(X.reshape(-1, X.shape[0]), K.reshape(len(K), -1).T)
    return pixels.reshape(len(K), *X.shape[1:])


@around("d2l_*.nn.cross_correlation.pool2d", caught_by=value("pool2d max"))
def the_mean_for_the_largest(d2l, original, X, pool_size, mode="max"):
    return original(X, pool_size, "avg")


@around("d2l_*.nn.cross_correlation.pool2d", caught_by=value("pool2d avg"))
def the_sum_for_the_mean(d2l, original, X, pool_size, mode="max"):
    return original(X, pool_size, mode) * (1 if mode == "max" else pool_size[0] * pool_size[1])


@around("d2l_*.nn.cross_correlation.pool2d", caught_by=value("pool2d max of channels"))
def channels_pooled_together(d2l, original, X, pool_size, mode="max"):
    Y = original(X, pool_size, mode)
    return d2l.stack([Y.mean(0)] * len(Y)) if len(X.shape) == 3 else Y
