import subprocess
import sys

import numpy as np
import pytest

from d2l_common.arrays import to_numpy


@pytest.mark.parametrize(
    "module", ["arrays", "hyperparameters", "plotting.board", "plotting.curves"]
)
def test_import_is_light(module):
    heavy = ["matplotlib", "IPython", "matplotlib_inline", "pandas", "jax", "torch", "scipy"]
    code = f"import sys, d2l_common.{module}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "x, expected",
    [
        (3, np.array(3)),
        (2.5, np.array(2.5)),
        ([1, 2], np.array([1, 2])),
        (range(3), np.array([0, 1, 2])),
        ((1.5, True), np.array([1.5, 1.0])),
        ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]])),
        ([np.float32(1), np.float32(2)], np.array([1, 2], np.float32)),
        ([np.ones(2), [3, 4]], np.array([[1.0, 1.0], [3.0, 4.0]])),
        ([], np.array([])),
    ],
)
def test_numpy_and_lists(x, expected):
    result = to_numpy(x)
    assert type(result) is np.ndarray and result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


def test_array_is_not_copied():
    x = np.arange(3.0)
    assert to_numpy(x) is x


@pytest.mark.parametrize(
    "x, message",
    [
        (lambda: 1.0, "x must be an array, got the function '<lambda>'"),
        (None, "x must be an array of numbers, got NoneType"),
        ([1, None], "x must be an array of numbers, got NoneType"),
    ],
)
def test_no_numbers(x, message):
    with pytest.raises(TypeError, match=message):
        to_numpy(x)


def test_ragged():
    with pytest.raises(ValueError, match="shape"):
        to_numpy([[1, 2], [3]])


class Tensor:
    """Stand-in for a PyTorch tensor on a device, with gradients, in bfloat16."""

    def __init__(self, state="device, grad, bfloat16"):
        self.state = state

    def detach(self):
        return Tensor(self.state.replace("grad", ""))

    def cpu(self):
        return Tensor(self.state.replace("device", ""))

    def float(self):
        return Tensor(self.state.replace("bfloat16", ""))

    def numpy(self):
        if "bfloat16" in self.state:
            raise TypeError("Got unsupported ScalarType BFloat16")
        assert self.state.strip(", ") == ""
        return np.float32([1, 2])


def test_tensor_by_what_it_can_do():
    np.testing.assert_array_equal(to_numpy(Tensor()), np.float32([1, 2]))
    np.testing.assert_array_equal(to_numpy([Tensor(), Tensor()]), np.float32([[1, 2], [1, 2]]))


def test_torch():
    torch = pytest.importorskip("torch")
    x = torch.arange(3.0, requires_grad=True)
    np.testing.assert_array_equal(to_numpy(x), np.float32([0, 1, 2]))
    np.testing.assert_array_equal(to_numpy(list(x * 2)), np.float32([0, 2, 4]))
    assert to_numpy(x.to(torch.bfloat16)).dtype == np.float32
    assert to_numpy(torch.nn.Parameter(torch.ones(2, 1))).shape == (2, 1)
    with pytest.raises(TypeError, match="function"):
        to_numpy(torch.relu)


def test_jax():
    jnp = pytest.importorskip("jax.numpy")
    x = jnp.arange(3.0)
    np.testing.assert_array_equal(to_numpy(x), np.float32([0, 1, 2]))
    np.testing.assert_array_equal(to_numpy(list(x)), np.float32([0, 1, 2]))
    low = to_numpy(x.astype(jnp.bfloat16))
    assert low.dtype == np.float32 and low.tolist() == [0.0, 1.0, 2.0]


def test_nnx_parameter():
    nnx = pytest.importorskip("flax.nnx")
    np.testing.assert_array_equal(to_numpy(nnx.Param(np.ones(2))), np.ones(2))
