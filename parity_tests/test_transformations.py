"""Functions say the same when they are differentiated, compiled, vectorized and looped over."""

import jax
import numpy as np
import pytest

from d2l_parity import assert_within
from parity_tests.support.backends import BACKENDS, precision
from parity_tests.support.draws import Draw, Source
from parity_tests.support.operations import GRADIENTS, VALUES
from parity_tests.support.truth import assert_true

SHAPE = (7, 5)
OPERATIONS = {**VALUES, **{f"gradient of {name}": op for name, op in GRADIENTS.items()}}


def arguments(operation, seed, dtype="float32", kind="finite"):
    # A scale at which no function of ours has vanished or is constant.
    return operation.arrays(Source(Draw(seed, SHAPE, scale=1.0, kind=kind), dtype))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_eager_jit_vmap_and_scan(name):
    """Each of them is within the operation's one bound of the truth."""
    operation, d2l = OPERATIONS[name], BACKENDS["jax"]
    examples = [arguments(operation, seed) for seed in range(3)]

    def call(*args):
        return operation.call(d2l, *args)

    @jax.jit  # once for all three, which spares most of the time
    def compiled(stacked):
        first = [args[0] for args in stacked]
        _, scanned = jax.lax.scan(lambda carry, args: (carry, call(*args)), None, stacked)
        return {"jit": call(*first), "vmap": jax.vmap(call)(*stacked), "scan": scanned}

    found = compiled([d2l.tensor(np.stack(args)) for args in zip(*examples, strict=True)])
    eager = call(*(d2l.tensor(array) for array in examples[0]))
    assert_true(operation, eager, examples[0], "float32", "eager")
    assert_true(operation, found["jit"], examples[0], "float32", "jit")
    for way in ("vmap", "scan"):
        for i, example in enumerate(examples):
            results = jax.tree.map(lambda stacked, i=i: stacked[i], found[way])
            assert_true(operation, results, example, "float32", f"{way}, example {i}")


@pytest.mark.slow
@pytest.mark.parametrize("name", GRADIENTS)
def test_value_and_grad_are_the_function_and_its_gradient(d2l, name):
    operation = GRADIENTS[name]
    args = [d2l.tensor(array) for array in arguments(operation, seed=0)]

    def fun(*args):
        return operation.scalar(d2l, *args)

    value, gradient = d2l.value_and_grad(fun, operation.by)(*args)
    np.testing.assert_array_equal(d2l.numpy(value), d2l.numpy(fun(*args)))
    again = d2l.grad(fun, operation.by)(*args)
    np.testing.assert_array_equal(d2l.numpy(gradient), d2l.numpy(again))


@pytest.mark.slow
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_slopes(d2l, name):
    """In float64, away from kinks and poles, they are central differences."""
    operation = GRADIENTS[name]
    arrays = list(arguments(operation, seed=0, dtype="float64", kind="smooth"))
    x = arrays[operation.by]
    direction = x * np.random.default_rng(1).uniform(-1, 1, x.shape)
    h = 1e-5
    # Compiled, a new dtype costs a fifth.
    compiled = jax.jit if d2l is BACKENDS["jax"] else lambda fun: fun
    scalar, call = (
        compiled(lambda *args, fun=fun: fun(d2l, *args))
        for fun in (operation.scalar, operation.call)
    )

    def fun(step):
        moved = [*arrays]
        moved[operation.by] = x + step * direction
        return float(scalar(*(d2l.tensor(array) for array in moved)))

    with precision("float64"):
        gradient = d2l.numpy(call(*(d2l.tensor(array) for array in arrays)))
        slope = (fun(h) - fun(-h)) / (2 * h)
        size = 1 + abs(fun(0)) + np.abs(gradient * direction).sum()
    # h^2 times the third derivative, at most some 100 sizes, and a rounding divided by h.
    assert_within((gradient * direction).sum(), slope, 1e-8 * size, name)
