"""The forms of convolutions for a CPU, against XLA's own: values and gradients."""

import jax
import numpy as np
import pytest
from flax import nnx
from jax import numpy as jnp

from d2l_jax.nn import cpu_convolution
from d2l_jax.training.module import view

# Images (n, h, w, channels), outputs, kernel, strides, padding, groups.
CASES = {
    "in parts": ((5, 9, 8, 3), 6, (3, 2), (1, 2), (1, 0), 1),
    "one image": ((1, 9, 9, 1), 1, (3, 3), (1, 1), (0, 0), 1),
    "a channel a group": ((5, 9, 8, 4), 4, (3, 2), (2, 1), (1, 2), 4),
    "two outputs of each channel": ((5, 9, 8, 4), 8, (3, 3), (2, 2), (0, 1), 4),
    "groups": ((5, 9, 8, 4), 8, (3, 3), (2, 2), (0, 1), 2),
    "one by one": ((5, 9, 8, 4), 8, (1, 1), (2, 3), (1, 0), 1),
    "larger than the images": ((3, 2, 3, 5), 4, (3, 3), (2, 1), (1, 1), 1),
    "larger than the outputs": ((3, 6, 6, 2), 4, (3, 3), (4, 4), (1, 1), 1),
    "groups, larger": ((3, 4, 4, 8), 4, (5, 3), (2, 2), (2, 1), 2),
    "a large kernel": ((2, 12, 12, 2), 3, (6, 6), (6, 6), (0, 0), 1),
}


def both(case, dtype):
    """Return outputs and gradients of the form for a CPU and of XLA's convolution."""
    shape, num_outputs, window, strides, padding, groups = CASES[case]
    rng = np.random.default_rng(0)
    X = rng.normal(size=shape)
    K = rng.normal(size=(*window, shape[-1] // groups, num_outputs))
    options = {
        "padding": [(size, size) for size in padding],
        "dimension_numbers": ("NHWC", "HWIO", "NHWC"),
        "feature_group_count": groups,
        "precision": None,
    }
    for convolve in (cpu_convolution.convolve, jax.lax.conv_general_dilated):
        run = lambda X, K: convolve(X, K, strides, **options)  # noqa: B023, E731
        Y, pull = jax.vjp(run, jnp.asarray(X, dtype), jnp.asarray(K, dtype))
        yield Y, *pull(jnp.cos(jnp.arange(Y.size)).reshape(Y.shape).astype(dtype))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case, monkeypatch):
    monkeypatch.setattr(cpu_convolution, "POSITIONS_A_PART", 20)
    with jax.enable_x64(True):
        for found, expected in zip(*both(case, float), strict=True):
            # Sums of at most 400 products of numbers of at most 4.
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
            assert found.dtype == "float64"


def test_half_precision_adds_up_in_float32():
    (found, *_), (expected, *_) = both("a channel a group", jnp.bfloat16)
    assert found.dtype == "bfloat16"
    # A rounding of the sum of 6 products, no rounding of each.
    np.testing.assert_allclose(
        np.asarray(found, float), np.asarray(expected, float), rtol=2**-8, atol=1e-3
    )


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("padding", ["SAME", "VALID", None, "CIRCULAR"])
def test_a_view_of_a_readers_layer_takes_them(case, padding, monkeypatch):
    monkeypatch.setattr(cpu_convolution, "POSITIONS_A_PART", 20)
    shape, num_outputs, window, strides, sizes, groups = CASES[case]
    if padding == "VALID" and min(np.subtract(shape[1:3], window)) < 0:
        pytest.skip("the outputs have no pixels")
    options = {"strides": strides, "padding": padding or sizes, "feature_group_count": groups}
    layer = nnx.Conv(shape[-1], num_outputs, window, **options, rngs=nnx.Rngs(0))
    X = jnp.asarray(np.random.default_rng(0).normal(size=shape))
    fast = view(layer, use_running_average=True)
    assert fast.conv_general_dilated is cpu_convolution.convolve
    assert layer.conv_general_dilated is jax.lax.conv_general_dilated  # the reader's own
    # At most 72 products of numbers of at most 4, in another order.
    np.testing.assert_allclose(fast(X), layer(X), rtol=0, atol=2e-5)
    for x in (X[0], X[:0], X[None]):
        np.testing.assert_allclose(fast(x), layer(x), rtol=0, atol=2e-5)


class Standardized(nnx.Conv):
    """A reader's layer that calls the function in its own way."""

    def __call__(self, X):
        kernel = self.kernel[...] - self.kernel[...].mean((0, 1, 2))
        numbers = ("NCHW", "HWIO", "NCHW")
        return self.conv_general_dilated(X, kernel, (1, 1), "SAME", dimension_numbers=numbers)


@pytest.mark.parametrize(
    "layer",
    [
        Standardized(3, 4, (1, 1), rngs=nnx.Rngs(0)),
        nnx.Conv(3, 4, (3,), rngs=nnx.Rngs(0)),
        nnx.Conv(3, 4, (3, 3), conv_general_dilated=lambda *_, **__: jnp.ones(4), rngs=nnx.Rngs(0)),
    ],
    ids=["of a subclass", "on rows", "with its own function"],
)
def test_other_layers_keep_their_function(layer):
    assert view(layer, use_running_average=True).conv_general_dilated == layer.conv_general_dilated


CROPPED = ((-1, 0), (0, -2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("window", "options"),
    [
        ((1, 1), {"padding": CROPPED}),
        ((2, 2), {"padding": CROPPED, "feature_group_count": 3}),
        ((9, 1), {"padding": "VALID", "feature_group_count": 3}),  # outputs without pixels
        ((1, 1), {"mask": np.eye(3).reshape(1, 1, 3, 3)}),
        ((3, 3), {"kernel_dilation": 2}),
        ((1, 1), {"preferred_element_type": jnp.float32, "dtype": jnp.bfloat16}),
    ],
)
def test_what_is_unusual_is_the_same(window, options):
    layer = nnx.Conv(3, 3, window, **options, rngs=nnx.Rngs(0))
    X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 8, 7, 3)))
    fast = view(layer, use_running_average=True)
    np.testing.assert_allclose(fast(X), layer(X), rtol=0, atol=1e-5)  # sums of 27 products
    assert fast(X).dtype == layer(X).dtype


def test_no_more_parts_than_images_or_than_the_bound(monkeypatch):
    monkeypatch.setattr(cpu_convolution, "POSITIONS_A_PART", 1)
    convolve = lambda X, K: cpu_convolution.convolve(  # noqa: E731
        X, K, (1, 1), [(0, 0)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC"), precision=None
    )
    for num_images, num_parts in ((3, 3), (40, cpu_convolution.MAX_PARTS)):
        program = jax.make_jaxpr(convolve)(jnp.ones((num_images, 8, 8, 1)), jnp.ones((3, 3, 1, 1)))
        names = [equation.primitive.name for equation in program.eqns]
        assert names.count("conv_general_dilated") == num_parts
    empty = jax.eval_shape(convolve, jnp.ones((0, 8, 8, 1)), jnp.ones((3, 3, 1, 1)))
    assert empty.shape == (0, 6, 6, 1)


def test_dilated_kernels_are_xlas():
    X, options = jnp.ones((1, 9, 9, 2)), {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    options |= {"precision": None, "rhs_dilation": (2, 2), "feature_group_count": 2}
    Y = cpu_convolution.convolve(X, jnp.ones((2, 2, 1, 2)), (1, 1), [(0, 0)] * 2, **options)
    assert Y.shape == (1, 7, 7, 2)


def test_images_on_several_devices_stay_in_their_parts(monkeypatch):
    monkeypatch.setattr(cpu_convolution, "POSITIONS_A_PART", 1)
    options = {"dimension_numbers": ("NHWC", "HWIO", "NHWC"), "precision": None}
    run = lambda X, K: cpu_convolution.convolve(  # noqa: E731
        X, K, (1, 1), [(0, 0)] * 2, feature_group_count=4, **options
    )
    for num_devices, num_parts in ((1, 3), (2, 1)):
        monkeypatch.setattr(jax, "device_count", lambda n=num_devices: n)
        program = jax.make_jaxpr(lambda X, K: run(X, K))(
            jnp.ones((3, 8, 8, 8)), jnp.ones((3, 3, 2, 8))
        )
        names = [equation.primitive.name for equation in program.eqns]
        assert names.count("conv_general_dilated") == 4 * num_parts  # for each group
