"""
Tests of what the difference guide says, where no other test holds it to be true.

One test an entry of docs/differences.md, in its order. Where only the frameworks' own behaviour is
at stake, the test shows both sides, so that a new version that changes its mind is found here.
"""

import platform

import jax
import numpy as np
import optax
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch.nn import functional as F

import d2l_jax
import d2l_torch
from d2l_jax.nn.normalization import LayerNorm as JaxLayerNorm
from d2l_torch.nn.normalization import LayerNorm as TorchLayerNorm
from parity_tests.support.backends import BACKENDS, precision

X86 = platform.machine() in ("x86_64", "AMD64")


def slopes_at(x, torch_function, jax_function):
    """Return both frameworks' gradients of functions that return one number, at the array `x`."""
    x = np.asarray(x, np.float32)
    torch_slope = torch.func.grad(torch_function)(torch.tensor(x))
    return torch_slope.tolist(), jax.grad(jax_function)(jnp.array(x)).tolist()


# -- numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b"), [(7, 2), (-7, 2), (7, -2), (-7, -2)])
def test_integers_wrap_and_divide(a, b):
    for x in (torch.tensor(a), jnp.array(a)):
        assert (int(x // b), int(x % b)) == (a // b, a % b)
    assert int(jax.lax.div(a, b)) == int(a / b)
    for x in (torch.tensor([255], dtype=torch.uint8), jnp.array([255], dtype=jnp.uint8)):
        assert int((x + 1)[0]) == 0
    assert int(torch.tensor(2**31 - 1) + 1) == 2**31
    assert int(jnp.array(2**31 - 1) + 1) == -(2**31)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        torch.tensor(a) // 0
    int(jnp.array(a) // 0)  # some number, but no error


def test_labels_are_integers_of_each_framework():
    for d2l, name in ((d2l_jax, "int32"), (d2l_torch, "torch.int64")):
        data = type("Data", (d2l.DataModule,), {"batch_size": 2})()
        loader = data.get_tensorloader((np.ones((4, 2)), np.arange(4)), train=False)
        y = next(iter(loader))[1]
        assert str(y.dtype) == name


def test_wide_integers():
    wide = np.array([2**33 + 5])
    assert d2l_torch.tensor(wide).tolist() == torch.tensor(wide).tolist() == [2**33 + 5]
    assert jnp.array(wide).tolist() == [5]
    with pytest.raises(OverflowError, match="range of int32, got 8589934597"):
        d2l_jax.tensor(wide)
    with precision("float64"):
        assert d2l_jax.tensor(wide).tolist() == [2**33 + 5]


def test_casts_of_floats_to_integers(d2l):
    fits = d2l.astype(d2l.tensor([1.9, -1.9, 2.0**30]), d2l.int32)
    np.testing.assert_array_equal(d2l.numpy(fits), [1, -1, 2**30])
    if d2l is d2l_jax:
        too_large = d2l.astype(d2l.tensor([3e9, -3e9, np.inf, np.nan]), d2l.int32)
        expected = [2**31 - 1, -(2**31), 2**31 - 1, 0]
        np.testing.assert_array_equal(d2l.numpy(too_large), expected)


@pytest.mark.skipif(not X86, reason="the processor decides what comes out")
def test_casts_of_floats_to_integers_in_torch_on_x86():
    x = torch.tensor([3e9, -3e9, np.nan])
    assert x.to(torch.int32).tolist() == [-(2**31)] * 3


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loader_has_the_default_float(d2l, dtype):
    data = type("Data", (d2l.DataModule,), {"batch_size": 2})()
    with precision(dtype):
        loader = data.get_tensorloader((np.ones((4, 2)), np.ones((4, 1))), train=False)
        X, y = next(iter(loader))
        assert d2l.numpy(X).dtype == d2l.numpy(y).dtype == dtype
        weights = d2l.export_weights(d2l.SoftmaxRegression(3, 0.1, num_inputs=2))
        assert {array.dtype.name for array in weights.values()} == {dtype}
        has_float64 = d2l is d2l_torch or dtype == "float64"
        expected = "float64" if has_float64 else "float32"
        assert d2l.numpy(d2l.tensor(np.ones(2))).dtype == expected
        # NNX's own layers are float32 whatever the default.
        assert nnx.Linear(2, 3, rngs=nnx.Rngs(0)).kernel.dtype == np.float32


def test_promotion():
    ints, half, single = (np.ones((2, 2), dtype) for dtype in ("int32", "float16", "float32"))
    pairs = (ints, half, "float16"), (ints, single, "float32"), (half, single, "float32")
    for one, other, expected in pairs:
        assert str((torch.tensor(one) + torch.tensor(other)).dtype) == f"torch.{expected}"
        assert (jnp.array(one) + jnp.array(other)).dtype == expected
    assert (ints + single).dtype == "float64"  # NumPy's
    for x in (torch.tensor(half), jnp.array(half)):
        assert str((x + 1.0).dtype).endswith("float16")
    assert (torch.tensor(half) + torch.tensor(1.0)).dtype == torch.float16
    assert (jnp.array(half) + jnp.float32(1.0)).dtype == "float32"
    with pytest.raises(RuntimeError, match="same dtype"):
        torch.tensor(half) @ torch.tensor(single)
    assert (jnp.array(half) @ jnp.array(single)).dtype == "float32"


def test_subnormal_numbers():
    smallest = np.finfo(np.float32).tiny
    x = [[0.0, -100.0]]  # exp(-100) is subnormal
    assert d2l_torch.softmax(torch.tensor(x))[0, 1] > 0
    with jax.default_device(jax.devices("cpu")[0]):  # on a GPU XLA keeps them
        for factor, kept in ((1.0, True), (0.5, False)):
            assert bool(torch.tensor(smallest) * factor > 0)
            assert bool(jnp.array(smallest) * factor > 0) == kept
        assert d2l_jax.softmax(jnp.array(x))[0, 1] == 0


def test_matrix_products_follow_the_setting():
    """The twins set no precision of their own, so the reader's setting holds for all they do."""
    w, b, X = jnp.ones((3, 2)), jnp.zeros(2), jnp.ones((4, 3))
    model = d2l_jax.SoftmaxRegression(2, 0.1, num_inputs=3)
    for product in (lambda: d2l_jax.linreg(X, w, b), lambda: model(X)):
        for setting, expected in (("default", False), ("highest", True)):
            with jax.default_matmul_precision(setting):
                assert ("HIGHEST" in str(jax.make_jaxpr(product)())) == expected
    assert torch.get_float32_matmul_precision() == "highest"  # its default


# -- arrays ------------------------------------------------------------------------------------


def test_tensors_and_weights_are_copies(d2l):
    a = np.zeros(1000, np.float32)
    x = jax.block_until_ready(d2l.tensor(a))  # which leaves a tensor of PyTorch alone
    model = d2l.LinearRegressionScratch(2, lr=0.1)
    weights = {"w": np.zeros((2, 1), np.float32), "b": np.zeros(1, np.float32)}
    d2l.import_weights(model, weights)
    exported = d2l.export_weights(model)
    for array in (a, *weights.values(), *exported.values()):
        array[...] = 5
    assert float(d2l.numpy(x).max()) == 0
    assert all((array == 0).all() for array in d2l.export_weights(model).values())
    a = np.zeros(3)
    shared = torch.from_numpy(a)
    a[0] = 5
    assert shared[0] == 5
    assert not np.asarray(jnp.zeros(3)).flags.writeable


def test_an_index_out_of_range():
    with pytest.raises(IndexError):
        torch.arange(3)[5]
    x = jnp.arange(3.0)
    assert (x[5], x[-5], x[-1]) == (2, 0, 2)
    assert x.at[5].set(9).tolist() == [0, 1, 2]
    assert jnp.isnan(jnp.take(x, 5))


def test_a_column_against_a_row():
    with pytest.warns(UserWarning, match="different to the input size"):
        F.mse_loss(torch.ones(3, 1), torch.ones(3))
    for loss in (optax.squared_error, optax.l2_loss):
        with pytest.raises(ValueError, match=r"[Ss]hape"):
            loss(jnp.ones((3, 1)), jnp.ones(3))
    assert (torch.ones(3, 1) - torch.ones(3)).shape == (3, 3)
    assert (jnp.ones((3, 1)) - jnp.ones(3)).shape == (3, 3)


# -- reductions --------------------------------------------------------------------------------


def test_sums():
    large = np.array([2**31 - 1, 1], np.int32)
    assert torch.tensor(large).sum().item() == 2**31
    assert int(jnp.array(large).sum()) == -(2**31)
    for name in ("int8", "uint8", "int32", "bool"):
        x = np.ones(300, name)
        assert torch.tensor(x).sum().dtype == torch.int64
        assert jnp.array(x).sum().dtype == ("uint32" if name == "uint8" else "int32")
        assert int(torch.tensor(x).sum()) == int(jnp.array(x).sum()) == 300
    for name in ("float16", "bfloat16"):  # 2048 + 1 is 2048 in float16, 256 + 1 is 256 in bfloat16
        assert torch.ones(4096, dtype=getattr(torch, name)).sum().item() == 4096
        assert float(jnp.ones(4096, dtype=name).sum()) == 4096


def test_std_and_var():
    x = np.array([1.0, 2.0, 4.0], np.float32)
    assert torch.tensor(x).std().item() == pytest.approx(x.std(ddof=1))
    assert float(jnp.array(x).std()) == pytest.approx(x.std())
    assert torch.tensor(x).var(correction=0).item() == pytest.approx(float(jnp.array(x).var()))


def test_argmax_and_median():
    for values, first in (([1.0, 3.0, 3.0], 1), ([1.0, np.nan, 3.0, np.nan], 1)):
        assert int(torch.tensor(values).argmax()) == int(jnp.array(values).argmax()) == first
    for n, middle in ((3, 1.0), (4, 1.5)):
        assert torch.arange(float(n)).median() == middle // 1
        assert jnp.median(jnp.arange(float(n))) == middle


# -- gradients ---------------------------------------------------------------------------------

AT_TIES = {
    "maximum": (
        lambda x: torch.maximum(x, torch.tensor(0.0)),
        lambda x: jnp.maximum(x, 0),
        (0.5, 0.5),
    ),
    "clip": (lambda x: x.clamp(min=0), lambda x: jnp.clip(x, 0), (1, 0.5)),
    "leaky ReLU": (
        lambda x: F.leaky_relu(x, 0.25),
        lambda x: jax.nn.leaky_relu(x, 0.25),
        (0.25, 1),
    ),
}


@pytest.mark.parametrize("name", AT_TIES)
def test_gradients_at_ties(name):
    *functions, expected = AT_TIES[name]
    assert slopes_at(0.0, *functions) == expected


def test_gradients_of_the_largest_entry():
    x = [3.0, 3.0, 1.0]
    assert slopes_at(x, lambda x: x.max(0).values, jnp.max) == ([1, 0, 0], [0.5, 0.5, 0])
    assert slopes_at(x, lambda x: x.amax(0), jnp.max) == ([0.5, 0.5, 0], [0.5, 0.5, 0])


def test_gradients_at_0():
    absolute = [float(d2l.grad(d2l.abs)(d2l.tensor(0.0))) for d2l in (d2l_torch, d2l_jax)]
    assert absolute == [0, 0]
    assert slopes_at(0.0, torch.abs, jnp.abs) == (0, 1)
    assert slopes_at(0.0, torch.sqrt, jnp.sqrt) == (np.inf, np.inf)
    for functions in ((torch.linalg.norm, jnp.linalg.norm), (torch.std, jnp.std)):
        torch_slope, jax_slope = slopes_at([0.0, 0.0], *functions)
        assert torch_slope == [0, 0]
        assert np.isnan(jax_slope).all()
    unsafe = slopes_at(
        0.0,
        lambda x: torch.where(x > 0, x.log(), 0),
        lambda x: jnp.where(x > 0, jnp.log(x), 0),
    )
    assert np.isnan(unsafe).all()


def test_gradients_do_not_add_up(d2l):
    gradient = d2l.grad(lambda w: d2l.reduce_sum(w**2))
    w = d2l.tensor([3.0])
    assert [float(gradient(w)[0]) for _ in range(2)] == [6, 6]
    # Two minibatches of one example: what is left of the first would move the second's step.
    data = type("Data", (d2l.DataModule,), {"batch_size": 1})()
    X, y = d2l.ones(2, 1), d2l.zeros(2, 1)
    data.get_dataloader = lambda train: data.get_tensorloader((X, y), train) if train else None
    model = d2l.LinearRegressionScratch(1, lr=0.25)
    d2l.import_weights(model, {"w": [[1.0]], "b": [0.0]})
    d2l.Trainer(max_epochs=1).fit(model, data)
    assert d2l.export_weights(model)["w"] == 1 - 0.25 * 1 - 0.25 * 0.5


def test_a_part_held_constant():
    functions = lambda x: (x * x).detach() * x, lambda x: jax.lax.stop_gradient(x * x) * x
    assert slopes_at(3.0, *functions) == (9, 9)


# -- compiled functions ------------------------------------------------------------------------

FACTOR = 2.0


def test_a_compiled_function_keeps_its_globals(monkeypatch):
    calls = []

    def scaled(x):
        calls.append(x)
        return FACTOR * x

    compiled = jax.jit(scaled)
    assert compiled(1.0) == 2
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    assert compiled(1.0) == 2
    assert len(calls) == 1
    assert (compiled(jnp.ones(2)) == 3).all()  # another shape is traced again
    assert isinstance(calls[-1], jax.core.Tracer)
    assert scaled(torch.tensor(1.0)) == 3


def test_branches_on_values():
    def size(x):
        return x if x > 0 else -x

    assert slopes_at(-2.0, size, size) == (-1, -1)
    with pytest.raises(jax.errors.TracerBoolConversionError):
        jax.jit(size)(-2.0)
    with pytest.raises(jax.errors.NonConcreteBooleanIndexError):
        jax.jit(lambda x: x[x > 0])(jnp.arange(3))
    # What the book computes with compiles.
    X, y = jnp.array([[1.0, -1.0]]), jnp.array([0])
    for function in (d2l_jax.softmax_cross_entropy, d2l_jax.accuracy):
        np.testing.assert_allclose(jax.jit(function)(X, y), function(X, y), rtol=1e-6)


# -- random numbers ----------------------------------------------------------------------------


def test_one_seed_is_one_data_set_but_two_streams():
    data = [
        d2l.SyntheticRegressionData(w=d2l.tensor([2.0]), b=1, num_train=5, seed=3)
        for d2l in BACKENDS.values()
    ]
    np.testing.assert_array_equal(*(np.asarray(part.X) for part in data))
    names = ["key", "generator"]
    sources = [jax.random.key(3), torch.Generator().manual_seed(3)]
    draws = [
        d2l.numpy(d2l.randn(5, **{name: source}))
        for d2l, name, source in zip(BACKENDS.values(), names, sources, strict=True)
    ]
    assert not np.isin(*draws).any()
    # A key is a value; a generator moves on.
    again = d2l_jax.randn(5, key=sources[0]), d2l_torch.randn(5, generator=sources[1])
    assert (again[0] == draws[0]).all()
    assert not (d2l_torch.numpy(again[1]) == draws[1]).any()


# -- layers and models -------------------------------------------------------------------------


def test_weights_cross_over():
    models = {name: d2l.SoftmaxRegression(3, 0.1, num_inputs=4) for name, d2l in BACKENDS.items()}
    weights = d2l_jax.export_weights(models["jax"])
    assert weights["net.1.weight"].shape == models["torch"].net[1].weight.shape == (3, 4)
    kernel = models["jax"].net.layers[1].kernel[...]
    np.testing.assert_array_equal(kernel, weights["net.1.weight"].T)
    d2l_torch.import_weights(models["torch"], weights)
    X = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    logits = models["torch"](torch.tensor(X)).detach()
    np.testing.assert_allclose(models["jax"](jnp.array(X)), logits, rtol=1e-5, atol=1e-6)


def test_images_are_flattened_in_one_order():
    from d2l_jax.nn.linear import flatten

    X = np.random.default_rng(0).standard_normal((2, 3, 4, 5), np.float32)  # channels first
    expected = torch.nn.Flatten()(torch.tensor(X)).numpy()
    np.testing.assert_array_equal(flatten(jnp.moveaxis(jnp.array(X), 1, -1)), expected)
    np.testing.assert_array_equal(flatten(jnp.array(X[0])), X[0].reshape(3, -1))


@pytest.mark.parametrize("momentum", [0.1, 0.5])
def test_batch_normalization(momentum):
    X = np.array([[0.0], [2.0], [4.0]], np.float32)
    layer = torch.nn.BatchNorm1d(1, momentum=momentum)
    output = layer(torch.tensor(X)).detach()
    other = nnx.BatchNorm(1, momentum=1 - momentum, rngs=nnx.Rngs(0))
    np.testing.assert_allclose(other(jnp.array(X)), output, rtol=1e-6)
    np.testing.assert_allclose(other.mean[...], layer.running_mean, rtol=1e-6)
    for variance, ddof in ((layer.running_var, 1), (other.var[...], 0)):
        expected = (1 - momentum) + momentum * X.var(ddof=ddof)
        np.testing.assert_allclose(variance, expected, rtol=1e-6)
    assert torch.nn.BatchNorm1d(1).momentum == 0.1
    assert nnx.BatchNorm(1, rngs=nnx.Rngs(0)).momentum == 0.99


def test_averages_are_used_in_validation(d2l):
    """With a learning rate of 0 nothing moves but the averages."""

    class Reader(d2l.LinearRegression):
        def __init__(self):
            super().__init__(num_inputs=1, lr=0.0)
            linear = self.net
            if d2l is d2l_torch:
                self.net = torch.nn.Sequential(torch.nn.BatchNorm1d(1, momentum=0.5), linear)
            else:
                norm = nnx.BatchNorm(1, momentum=0.5, rngs=nnx.Rngs(0))
                self.net = nnx.Sequential(norm, linear)

        def validation_step(self, batch):
            return d2l.reduce_sum(self.norm(batch[0]))

        @property
        def norm(self):
            return self.net[0] if d2l is d2l_torch else self.net.layers[0]

    data = type("Data", (d2l.DataModule,), {"batch_size": 2})()
    X, y = d2l.tensor([[1.0], [3.0]]), d2l.zeros(2, 1)
    data.get_dataloader = lambda train: data.get_tensorloader((X, y), train)
    history = d2l.Trainer(max_epochs=1).fit(Reader(), data)
    mean, var = 0.5 * 2, 0.5 * 1 + 0.5 * (2 if d2l is d2l_torch else 1)
    expected = (1 - mean + 3 - mean) / np.sqrt(var + 1e-5)  # by the minibatch's own: 0
    np.testing.assert_allclose(history.val_loss, expected, rtol=1e-5)


def test_layer_normalization():
    X = np.array([[1e4, 1e4 + 1, 1e4 + 2]], np.float32)
    theirs = torch.nn.LayerNorm(3)
    fast, exact = (
        nnx.LayerNorm(3, use_fast_variance=fast, rngs=nnx.Rngs(0)) for fast in (True, False)
    )
    assert (theirs.eps, fast.epsilon) == (1e-5, 1e-6)
    expected = theirs(torch.tensor(X)).detach().numpy()
    assert np.abs(fast(jnp.array(X)) - expected).max() > 1
    np.testing.assert_allclose(exact(jnp.array(X)), expected, rtol=1e-4, atol=1e-6)
    twins = JaxLayerNorm(3)(jnp.array(X)), TorchLayerNorm(3)(torch.tensor(X)).detach().numpy()
    for result in twins:
        np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-6)


def test_gelu():
    x = np.linspace(-3, 3, 7, dtype=np.float32)
    exact, tanh = (F.gelu(torch.tensor(x), approximate=a).numpy() for a in ("none", "tanh"))
    np.testing.assert_array_equal(F.gelu(torch.tensor(x)), exact)
    np.testing.assert_allclose(jax.nn.gelu(x), tanh, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(jax.nn.gelu(x, approximate=False), exact, rtol=1e-5, atol=1e-6)
    assert np.abs(exact - tanh).max() > 1e-4


# -- losses ------------------------------------------------------------------------------------


def test_labels_outside_the_classes():
    X = np.array([[2.0, 1.0, 0.0]], np.float32)

    def torch_loss(*labels):
        return F.cross_entropy(torch.tensor(X.repeat(len(labels), 0)), torch.tensor(labels)).item()

    def optax_loss(label):
        return float(optax.softmax_cross_entropy_with_integer_labels(X, jnp.array([label]))[0])

    assert torch_loss(0, -100) == torch_loss(0)
    for label in (-1, 3):
        with pytest.raises(IndexError, match="out of bounds"):
            torch_loss(0, label)
    assert optax_loss(-1) == optax_loss(2) == pytest.approx(torch_loss(2))
    assert np.isnan([optax_loss(label) for label in (3, -4, -100)]).all()


def test_label_smoothing(d2l):
    X, y = np.array([[2.0, 1.0, 0.0], [-1.0, 3.0, 0.5]], np.float32), np.array([0, 2])
    of_torch = F.cross_entropy(torch.tensor(X), torch.tensor(y), label_smoothing=0.1).item()
    targets = optax.smooth_labels(jax.nn.one_hot(y, 3), alpha=0.1)
    of_optax = float(optax.softmax_cross_entropy(jnp.array(X), targets).mean())
    ours = float(d2l.softmax_cross_entropy(d2l.tensor(X), d2l.tensor(y), label_smoothing=0.1))
    assert of_torch == pytest.approx(of_optax, rel=1e-6) == pytest.approx(ours, rel=1e-6)


def test_squared_losses(d2l):
    y_hat, y = d2l.tensor([[3.0], [1.0]]), d2l.tensor([[1.0], [1.0]])
    assert d2l.numpy(d2l.squared_loss(y_hat, y)).tolist() == [[2], [0]]
    assert float(d2l.LinearRegressionScratch(1, lr=0.1).loss(y_hat, y)) == 1
    assert float(d2l.LinearRegression(num_inputs=1, lr=0.1).loss(y_hat, y)) == 2


# -- optimizers --------------------------------------------------------------------------------

GRADIENTS = [1.0, -0.5, 2.0]
OPTIMIZERS = {
    "Adam": (lambda p: torch.optim.Adam(p, lr=0.1), lambda: optax.adam(0.1)),
    "AdamW": (
        lambda p: torch.optim.AdamW(p, lr=0.1),
        lambda: optax.adamw(0.1, weight_decay=0.01),
    ),
    "AdamW, Optax's decay": (
        lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=1e-4),
        lambda: optax.adamw(0.1),
    ),
    "Adam, coupled decay": (
        lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.5),
        lambda: optax.chain(optax.add_decayed_weights(0.5), optax.adam(0.1)),
    ),
    "SGD, decay": (
        lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.5),
        lambda: optax.chain(optax.add_decayed_weights(0.5), optax.sgd(0.1)),
    ),
    "momentum": (
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        lambda: optax.sgd(0.1, momentum=0.9),
    ),
    "Nesterov": (
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda: optax.sgd(0.1, momentum=0.9, nesterov=True),
    ),
    "RMSprop": (
        lambda p: torch.optim.RMSprop(p, lr=0.1),
        lambda: optax.rmsprop(0.1, decay=0.99, eps_in_sqrt=False),
    ),
    "Adagrad": (
        lambda p: torch.optim.Adagrad(p, lr=0.1),
        lambda: optax.adagrad(0.1, initial_accumulator_value=0, eps=1e-10),
    ),
}
# The same with the defaults of both.
DIFFERING = {
    "AdamW": (lambda p: torch.optim.AdamW(p, lr=0.1), lambda: optax.adamw(0.1)),
    "RMSprop": (lambda p: torch.optim.RMSprop(p, lr=0.1), lambda: optax.rmsprop(0.1)),
    "Adagrad": (lambda p: torch.optim.Adagrad(p, lr=0.1), lambda: optax.adagrad(0.1)),
    "coupled and decoupled decay": (
        lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.5),
        lambda: optax.adamw(0.1, weight_decay=0.5),
    ),
}


def torch_path(make):
    w = torch.nn.Parameter(torch.ones(1))
    optimizer, path = make([w]), []
    for gradient in GRADIENTS:
        w.grad = torch.full((1,), gradient)
        optimizer.step()
        path.append(w.item())
    return path


def optax_path(make):
    w, tx, path = jnp.ones(1), make(), []
    state = tx.init(w)
    for gradient in GRADIENTS:
        updates, state = tx.update(jnp.full(1, gradient), state, w)
        w = optax.apply_updates(w, updates)
        path.append(float(w[0]))
    return path


def test_decay_of_a_parameter_that_the_loss_does_not_use():
    class TorchModel(d2l_torch.LinearRegressionScratch):
        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1, weight_decay=0.5)

    class JaxModel(d2l_jax.LinearRegressionScratch):
        def configure_optimizers(self):
            return optax.chain(optax.add_decayed_weights(0.5), optax.sgd(0.1))

    final = []
    for d2l, cls in ((d2l_torch, TorchModel), (d2l_jax, JaxModel)):
        model = cls(2, lr=0.1)
        model.unused = (
            torch.nn.Parameter(torch.ones(1)) if cls is TorchModel else nnx.Param(d2l.ones(1))
        )
        data = d2l.SyntheticRegressionData(w=d2l.tensor([2.0, -3.4]), b=4.2, num_train=64)
        d2l.Trainer(max_epochs=1).fit(model, data)  # two steps
        final.append(d2l.export_weights(model)["unused"].item())
    np.testing.assert_allclose(final, [1, 0.95**2], rtol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_agree(name):
    of_torch, of_optax = OPTIMIZERS[name]
    # The bias corrections of Adam lose some digits in float32.
    np.testing.assert_allclose(torch_path(of_torch), optax_path(of_optax), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", DIFFERING)
def test_optimizers_differ_by_default(name):
    of_torch, of_optax = DIFFERING[name]
    assert np.abs(np.subtract(torch_path(of_torch), optax_path(of_optax))).max() > 1e-3


@pytest.mark.slow
def test_a_fit_with_adam_agrees():
    def make_model(d2l):
        class Reader(d2l.LinearRegressionScratch):
            def configure_optimizers(self):
                if d2l is d2l_jax:
                    return optax.adam(0.1)
                return torch.optim.Adam(self.parameters(), lr=0.1)

        return Reader(2, lr=0.0)

    def make_data(d2l):
        return d2l.SyntheticRegressionData(w=d2l.tensor([2.0, -3.4]), b=4.2, num_train=100)

    with precision("float64"):
        runs = []
        for d2l in BACKENDS.values():
            model = make_model(d2l)
            d2l.import_weights(model, {"w": np.zeros((2, 1)), "b": np.zeros(1)})
            runs.append(d2l.Trainer(max_epochs=5).fit(model, make_data(d2l)))
    np.testing.assert_allclose(runs[0].train_loss, runs[1].train_loss, rtol=1e-12)
    assert runs[0].epoch_train_loss[-1] < 0.7 * runs[0].epoch_train_loss[0]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["in place", "set_value", "another array", "a number"])
def test_a_learning_rate_that_changes_between_epochs(how):
    def change(optim, lr):
        if isinstance(optim, torch.optim.Optimizer):
            optim.param_groups[0]["lr"] = lr
            return
        rates = optim.opt_state.hyperparams
        if how == "in place":
            rates["learning_rate"][...] = lr
        elif how == "set_value":
            rates["learning_rate"].set_value(lr)
        else:
            rates["learning_rate"] = lr if how == "a number" else jnp.array(lr)

    def loss_of_steps(d2l):
        class Reader(d2l.Trainer):
            def fit_epoch(self):
                change(self.optim, [0.0, 0.1, 0.01][self.epoch])
                super().fit_epoch()

        model = d2l.LinearRegression(lr=0.5, num_inputs=2)
        d2l.import_weights(model, {"net.weight": np.zeros((1, 2)), "net.bias": np.zeros(1)})
        data = d2l.SyntheticRegressionData(w=d2l.tensor([2.0, -3.4]), b=4.2, num_train=100)
        return Reader(max_epochs=3).fit(model, data).epoch_train_loss

    with precision("float64"):
        runs = [loss_of_steps(d2l) for d2l in BACKENDS.values()]
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-12)  # well-conditioned: a few eps a step
    assert runs[0][1] < 0.9 * runs[0][0]


def test_schedules():
    """Optax's warmup starts one step earlier, at 0; from its end on the schedules are the same."""
    of_optax = optax.warmup_cosine_decay_schedule(0.0, 0.3, warmup_steps=3, decay_steps=8)
    rates = [d2l_jax.cosine_warmup(epoch, 8, 0.3) for epoch in range(8)]
    np.testing.assert_allclose(
        [float(of_optax(step)) for step in range(3, 8)], rates[3:], rtol=1e-5
    )
    np.testing.assert_allclose([float(of_optax(step)) for step in range(4)], [0.0, *rates[:3]])
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    ramp = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / 3, total_iters=2)
    found = []
    for _ in range(3):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        ramp.step()
    np.testing.assert_allclose(found, rates[:3], rtol=1e-12)


def test_averages_of_weights():
    """PyTorch's starts at the first weights that it gets, Optax's at 0, ours at the model's."""
    weights, model = (1.0, 2.0), torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(model.weight, weights[0])
    rule = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    of_torch = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=rule)
    ours = d2l_torch.EMA(model, 0.9)
    transformations = [optax.ema(0.9, debias=debias) for debias in (True, False)]
    states, averages = [tx.init(jnp.zeros(())) for tx in transformations], [None, None]
    for weight in weights:
        torch.nn.init.constant_(model.weight, weight)
        of_torch.update_parameters(model)
        ours.update(model)
        for i, tx in enumerate(transformations):
            averages[i], states[i] = tx.update(jnp.array(weight), states[i])
    found = [of_torch.module.weight.item(), ours.shadow["weight"].item(), *map(float, averages)]
    np.testing.assert_allclose(found, [1.1, 1.1, 0.29 / 0.19, 0.29], rtol=1e-6)


@pytest.mark.parametrize("limit", [1e-6, 0.5, 2.0])
def test_clipping_adds_nothing_to_the_norm(d2l, limit):
    gradient = 2 * limit * np.array([0.6, 0.8], np.float32)
    if d2l is d2l_jax:
        clipped = d2l.Trainer(1).clip_gradients(limit, {"w": jnp.array(gradient)})["w"]
    else:
        model = torch.nn.Module()
        model.w = torch.nn.Parameter(torch.zeros(2))
        model.w.grad = torch.tensor(gradient)
        d2l.Trainer(1).clip_gradients(limit, model)
        clipped = model.w.grad
        # PyTorch's own is shorter: much so if the limit is small.
        model.w.grad = torch.tensor(gradient)
        torch.nn.utils.clip_grad_norm_([model.w], limit)
        ratio = model.w.grad.norm().item() / limit
        assert ratio == pytest.approx(2 * limit / (2 * limit + 1e-6), rel=1e-6)
    assert np.linalg.norm(clipped) == pytest.approx(limit, rel=1e-6)
