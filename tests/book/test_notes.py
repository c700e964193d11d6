"""
The user's walk through chapters 2 to 5: what its cells print is what both backends compute.

Each case is a cell as the notes have it, in PyTorch, its counterpart in JAX, and the values that
the notes show. Cells whose values come from random numbers, or from times, are not here.
"""

import math

import jax
import numpy as np
import pandas as pd
import pytest
import torch
from jax import numpy as jnp
from torch import nn

import d2l_jax
import d2l_torch

X_ = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
Y_ = [[2, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]]
A_ = [[0, 1, 2], [3, 4, 5]]

# section: (cell in PyTorch, cell in JAX, values printed). The last line of a cell is its value.
CELLS = {
    "2.1 arange": (
        "x = torch.arange(12, dtype=torch.float32)\nx",
        "x = jnp.arange(12, dtype=jnp.float32)\nx",
        range(12),
    ),
    "2.1 numel": ("x.numel()", "x.size", 12),
    "2.1 shape": ("tuple(x.shape)", "x.shape", [12]),
    "2.1 reshape": ("X = x.reshape(3, 4)\nX", "X = x.reshape(3, 4)\nX", X_),
    "2.1 zeros": ("torch.zeros((2, 3, 4))", "jnp.zeros((2, 3, 4))", np.zeros((2, 3, 4))),
    "2.1 ones": ("torch.ones((2, 3, 4))", "jnp.ones((2, 3, 4))", np.ones((2, 3, 4))),
    "2.1 tensor": (
        "torch.tensor([[2, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])",
        "jnp.array([[2, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])",
        Y_,
    ),
    "2.1 rows": ("X[1:3]", "X[1:3]", X_[1:]),
    "2.1 last row": ("X[-1]", "X[-1]", X_[-1]),
    "2.1 set one": (
        "X[1, 2] = 17\nX",
        "X = X.at[1, 2].set(17)\nX",
        [[0, 1, 2, 3], [4, 5, 17, 7], [8, 9, 10, 11]],
    ),
    "2.1 set rows": (
        "X[:2, :] = 12\nX",
        "X = X.at[:2, :].set(12)\nX",
        [[12] * 4, [12] * 4, [8, 9, 10, 11]],
    ),
    # PyTorch wrote through the view X into x; in JAX x is as it was (docs/differences.md).
    "2.1 exp through a view": (
        "torch.exp(x)",
        "x = X.reshape(-1)\njnp.exp(x)",
        [162754.7969] * 8 + [2980.9580, 8103.0840, 22026.4648, 59874.1406],
    ),
    "2.1 operators": (
        "x = torch.tensor([1.0, 2, 4, 8])\ny = torch.tensor([2, 2, 2, 2])\n"
        "torch.stack((x + y, x - y, x * y, x / y, x ** y))",
        "x = jnp.array([1.0, 2, 4, 8])\ny = jnp.array([2, 2, 2, 2])\n"
        "jnp.stack((x + y, x - y, x * y, x / y, x ** y))",
        [[3, 4, 6, 10], [-1, 0, 2, 6], [2, 4, 8, 16], [0.5, 1, 2, 4], [1, 4, 16, 64]],
    ),
    "2.1 cat rows": (
        "X = torch.arange(12, dtype=torch.float32).reshape((3,4))\n"
        "Y = torch.tensor([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])\n"
        "torch.cat((X, Y), dim=0)",
        "X = jnp.arange(12, dtype=jnp.float32).reshape((3, 4))\n"
        "Y = jnp.array([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])\n"
        "jnp.concatenate((X, Y), axis=0)",
        X_ + Y_,
    ),
    "2.1 cat columns": (
        "torch.cat((X, Y), dim=1)",
        "jnp.concatenate((X, Y), axis=1)",
        [a + b for a, b in zip(X_, Y_, strict=True)],
    ),
    "2.1 equal": ("X == Y", "X == Y", np.equal(X_, Y_)),
    "2.1 sum": ("X.sum()", "X.sum()", 66),
    "2.1 broadcasting": (
        "a = torch.arange(3).reshape((3, 1))\nb = torch.arange(2).reshape((1, 2))\na + b",
        "a = jnp.arange(3).reshape((3, 1))\nb = jnp.arange(2).reshape((1, 2))\na + b",
        [[0, 1], [1, 2], [2, 3]],
    ),
    "2.1 a new object": (
        "before = id(Y)\nY = Y + X\nid(Y) == before",
        "before = id(Y)\nY = Y + X\nid(Y) == before",
        False,
    ),
    "2.1 into memory that is there": (
        "Z = torch.zeros_like(Y)\nbefore = id(Z)\nZ[:] = X + Y\nid(Z) == before",
        # JAX has no such thing: `.at[:].set` gives a new array; the old one stays as it was.
        "Z = jnp.zeros_like(Y)\nbefore = Z\nZ = Z.at[:].set(X + Y)\nZ is not before",
        True,
    ),
    "2.1 in place": (
        "before = id(X)\nX += Y\nid(X) == before",
        "before = X\nX += Y\nX is not before",
        True,
    ),
    "2.1 to NumPy": (
        "A = X.numpy()\nB = torch.from_numpy(A)\n[type(A) is np.ndarray, type(B) is torch.Tensor]",
        "A = np.asarray(X)\nB = jnp.asarray(A)\n[type(A) is np.ndarray, isinstance(B, jax.Array)]",
        [True, True],
    ),
    "2.1 to a number": (
        "a = torch.tensor([3.5])\n[a.item(), float(a), int(a)]",
        "a = jnp.array([3.5])\n[a.item(), float(a[0]), int(a[0])]",
        [3.5, 3.5, 3],
    ),
    "2.2 inputs": (
        "inputs, targets = data.iloc[:, 0:2], data.iloc[:, 2]\n"
        "inputs = pd.get_dummies(inputs, dummy_na=True)\n"
        "inputs = inputs.fillna(inputs.mean())\n"
        "X = torch.tensor(inputs.to_numpy(dtype=float))\n"
        "y = torch.tensor(targets.to_numpy(dtype=float))\nX",
        "inputs, targets = data.iloc[:, 0:2], data.iloc[:, 2]\n"
        "inputs = pd.get_dummies(inputs, dummy_na=True)\n"
        "inputs = inputs.fillna(inputs.mean())\n"
        "X = jnp.array(inputs.to_numpy(dtype=float))\n"
        "y = jnp.array(targets.to_numpy(dtype=float))\nX",
        [[3, 0, 1], [2, 0, 1], [4, 1, 0], [3, 0, 1]],
    ),
    "2.2 targets": ("y", "y", [127500, 106000, 178100, 140000]),
    "2.3 scalars": (
        "x = torch.tensor(3.0)\ny = torch.tensor(2.0)\n[x + y, x * y, x / y, x**y]",
        "x = jnp.array(3.0)\ny = jnp.array(2.0)\n[x + y, x * y, x / y, x**y]",
        [5, 6, 1.5, 9],
    ),
    "2.3 a vector": (
        "x = torch.arange(3)\n[x[2], len(x), *x.shape]",
        "x = jnp.arange(3)\n[x[2], len(x), *x.shape]",
        [2, 3, 3],
    ),
    "2.3 transpose": (
        "A = torch.arange(6).reshape(3, 2)\nA.T",
        "A = jnp.arange(6).reshape(3, 2)\nA.T",
        [[0, 2, 4], [1, 3, 5]],
    ),
    "2.3 symmetric": (
        "A = torch.tensor([[1, 2, 3], [2, 0, 4], [3, 4, 5]])\nA == A.T",
        "A = jnp.array([[1, 2, 3], [2, 0, 4], [3, 4, 5]])\nA == A.T",
        np.ones((3, 3), bool),
    ),
    "2.3 three axes": (
        "torch.arange(24).reshape(2, 3, 4)",
        "jnp.arange(24).reshape(2, 3, 4)",
        np.arange(24).reshape(2, 3, 4),
    ),
    "2.3 clone": (
        "A = torch.arange(6, dtype=torch.float32).reshape(2, 3)\nB = A.clone()\nA + B",
        "A = jnp.arange(6, dtype=jnp.float32).reshape(2, 3)\nB = A\nA + B",
        [[0, 2, 4], [6, 8, 10]],
    ),
    "2.3 Hadamard": ("A * B", "A * B", [[0, 1, 4], [9, 16, 25]]),
    "2.3 scalar and tensor": (
        "a = 2\nX = torch.arange(24).reshape(2, 3, 4)\na + X",
        "a = 2\nX = jnp.arange(24).reshape(2, 3, 4)\na + X",
        np.arange(2, 26).reshape(2, 3, 4),
    ),
    "2.3 sums": (
        "x = torch.arange(3, dtype=torch.float32)\n[x.sum(), A.sum(), A.sum(axis=[0, 1])]",
        # JAX takes axes as a tuple, not as a list.
        "x = jnp.arange(3, dtype=jnp.float32)\n[x.sum(), A.sum(), A.sum(axis=(0, 1))]",
        [3, 15, 15],
    ),
    "2.3 shapes of sums": (
        "[*A.sum(axis=0).shape, *A.sum(axis=1).shape]",
        "[*A.sum(axis=0).shape, *A.sum(axis=1).shape]",
        [3, 2],
    ),
    "2.3 means": (
        "[A.mean(), A.sum() / A.numel(), *A.mean(axis=0), *(A.sum(axis=0) / A.shape[0])]",
        "[A.mean(), A.sum() / A.size, *A.mean(axis=0), *(A.sum(axis=0) / A.shape[0])]",
        [2.5, 2.5, 1.5, 2.5, 3.5, 1.5, 2.5, 3.5],
    ),
    "2.3 keepdims": (
        "sum_A = A.sum(axis=1, keepdims=True)\nsum_A",
        "sum_A = A.sum(axis=1, keepdims=True)\nsum_A",
        [[3], [12]],
    ),
    "2.3 normalized rows": (
        "A / sum_A",
        "A / sum_A",
        [[0, 0.3333, 0.6667], [0.2500, 0.3333, 0.4167]],
    ),
    "2.3 cumsum": ("A.cumsum(axis=0)", "A.cumsum(axis=0)", [[0, 1, 2], [3, 5, 7]]),
    "2.3 dot": (
        "y = torch.ones(3, dtype = torch.float32)\n[torch.dot(x, y), torch.sum(x * y)]",
        "y = jnp.ones(3, dtype=jnp.float32)\n[jnp.dot(x, y), jnp.sum(x * y)]",
        [3, 3],
    ),
    "2.3 mv": (
        "torch.stack((torch.mv(A, x), A@x))",
        "jnp.stack((jnp.matmul(A, x), A @ x))",
        [[5, 14], [5, 14]],
    ),
    "2.3 mm": (
        "B = torch.ones(3, 4)\ntorch.stack((torch.mm(A, B), A@B))",
        "B = jnp.ones((3, 4))\njnp.stack((jnp.matmul(A, B), A @ B))",
        [[[3] * 4, [12] * 4]] * 2,
    ),
    "2.3 norms": (
        "u = torch.tensor([3.0, -4.0])\n"
        "[torch.norm(u), torch.abs(u).sum(), torch.norm(torch.ones((4, 9)))]",
        "u = jnp.array([3.0, -4.0])\n"
        "[jnp.linalg.norm(u), jnp.abs(u).sum(), jnp.linalg.norm(jnp.ones((4, 9)))]",
        [5, 7, 6],
    ),
    "2.5 backward": (
        "x = torch.arange(4.0)\nx.requires_grad_(True)\n"
        "y = 2 * torch.dot(x, x)\ny.backward()\n[y.detach(), *x.grad]",
        "x = jnp.arange(4.0)\n"
        "y, gradient = jax.value_and_grad(lambda x: 2 * jnp.dot(x, x))(x)\n[y, *gradient]",
        [28, 0, 4, 8, 12],
    ),
    "2.5 another function": (
        "x.grad.zero_()\ny = x.sum()\ny.backward()\nx.grad",
        "jax.grad(lambda x: x.sum())(x)",
        [1, 1, 1, 1],
    ),
    "2.5 detach": (
        "x.grad.zero_()\ny = x * x\nu = y.detach()\nz = u * x\nz.sum().backward()\nx.grad == u",
        "u = x * x\njax.grad(lambda x: (jax.lax.stop_gradient(x * x) * x).sum())(x) == u",
        [True] * 4,
    ),
    "2.5 not detached": (
        "x.grad.zero_()\ny.sum().backward()\nx.grad == 2 * x",
        "jax.grad(lambda x: (x * x).sum())(x) == 2 * x",
        [True] * 4,
    ),
    "2.5 control flow": (
        """
def f(a):
    b = a * 2
    while b.norm() < 1000:
        b = b * 2
    if b.sum() > 0:
        c = b
    else:
        c = 100 * b
    return c
a = torch.randn(size=(), requires_grad=True)
d = f(a)
d.backward()
a.grad == d / a""",
        """
def f(a):
    b = a * 2
    while jnp.linalg.norm(b) < 1000:
        b = b * 2
    if b.sum() > 0:
        c = b
    else:
        c = 100 * b
    return c
a = jax.random.normal(jax.random.key(0), ())
jax.grad(f)(a) == f(a) / a""",
        True,
    ),
    "3.1 vectorization": (
        "n = 10000\na = torch.ones(n)\nb = torch.ones(n)\nd = a + b\nd.sum()",
        "n = 10000\na = jnp.ones(n)\nb = jnp.ones(n)\nd = a + b\nd.sum()",
        20000,
    ),
    "4.4 softmax": (
        """
def softmax(X):
    X_exp = torch.exp(X)
    partition = X_exp.sum(1, keepdims=True)
    return X_exp / partition
X = torch.rand((2, 5))
softmax(X).sum(1)""",
        """
def softmax(X):
    X_exp = jnp.exp(X)
    partition = X_exp.sum(1, keepdims=True)
    return X_exp / partition
X = jax.random.uniform(d2l.get_key(), (2, 5))
softmax(X).sum(1)""",
        [1.0, 1.0],
    ),
    "4.4 the probabilities of the labels": (
        "y = torch.tensor([0, 2])\n"
        "y_hat = torch.tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5]])\ny_hat[[0, 1], y]",
        "y = jnp.array([0, 2])\n"
        "y_hat = jnp.array([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5]])\n"
        # Lists as indices are an error in JAX, arrays are not.
        "y_hat[jnp.array([0, 1]), y]",
        [0.1000, 0.5000],
    ),
    "4.4 cross-entropy": (
        """
def cross_entropy(y_hat, y):
    return -torch.log(y_hat[list(range(len(y_hat))), y]).mean()
cross_entropy(y_hat, y)""",
        """
def cross_entropy(y_hat, y):
    return -jnp.log(y_hat[jnp.arange(len(y_hat)), y]).mean()
cross_entropy(y_hat, y)""",
        1.4979,
    ),
    "4.4 the library's cross-entropy": (
        "d2l.cross_entropy(y_hat, y)",
        "d2l.cross_entropy(y_hat, y)",
        1.4979,
    ),
    "4.4 the library's softmax": ("d2l.softmax(X).sum(1)", "d2l.softmax(X).sum(1)", [1.0, 1.0]),
    "5.1 the ReLU's gradient": (
        "x = torch.arange(-8.0, 8.0, 0.1, requires_grad=True)\ny = torch.relu(x)\n"
        "y.backward(torch.ones_like(x), retain_graph=True)\nx.grad == (x > 0)",
        "x = jnp.arange(-8.0, 8.0, 0.1)\n"
        "jax.vjp(jax.nn.relu, x)[1](jnp.ones_like(x))[0] == (x > 0)",
        [True] * 160,
    ),
    "5.1 the sigmoid's gradient": (
        "x.grad.data.zero_()\ny = torch.sigmoid(x)\n"
        "y.backward(torch.ones_like(x),retain_graph=True)\nx.grad.max()",
        "jax.vjp(jax.nn.sigmoid, x)[1](jnp.ones_like(x))[0].max()",
        0.25,
    ),
    "5.1 tanh's gradient": (
        "x.grad.data.zero_()\ny = torch.tanh(x)\n"
        "y.backward(torch.ones_like(x),retain_graph=True)\nx.grad.max()",
        "jax.vjp(jnp.tanh, x)[1](jnp.ones_like(x))[0].max()",
        1.0,
    ),
}

HOUSES = "NumRooms,RoofType,Price\nNA,NA,127500\n2,NA,106000\n4,Slate,178100\nNA,NA,140000"


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """Run all the cells in their order, each backend's in a namespace of its own."""
    data_file = tmp_path_factory.mktemp("data") / "house_tiny.csv"
    data_file.write_text(HOUSES)
    shared = {"np": np, "pd": pd, "math": math, "data": pd.read_csv(data_file)}
    spaces = (
        {**shared, "torch": torch, "nn": nn, "d2l": d2l_torch},
        {**shared, "jax": jax, "jnp": jnp, "d2l": d2l_jax},
    )
    # `a.grad == d / a` in section 2.5 is exact for positive a alone; a factor of 100 may round.
    torch.manual_seed(0)
    results = {}
    for name, (*cells, _) in CELLS.items():
        results[name] = []
        for cell, space in zip(cells, spaces, strict=True):
            *lines, last = cell.strip().split("\n")
            exec("\n".join(lines), space)
            results[name].append(printed(eval(last, space)))
    return results


def printed(value):
    """Return the numbers of a cell's value as they are now: a later cell may change it in place."""
    if isinstance(value, list | tuple):
        return np.array([float(x) for x in value])
    return np.array(value.detach().numpy() if isinstance(value, torch.Tensor) else value)


@pytest.mark.parametrize("name", CELLS)
def test_cell(values, name):
    for value in values[name]:
        # The notes print four decimals.
        np.testing.assert_allclose(value, CELLS[name][2], rtol=1e-6, atol=5.1e-5)


def test_what_a_view_and_an_in_place_update_leave_behind():
    x = torch.arange(12, dtype=torch.float32)
    x.reshape(3, 4)[:2, :] = 12
    assert torch.exp(x)[0].item() == pytest.approx(162754.7969)
    x = jnp.arange(12, dtype=jnp.float32)
    x.reshape(3, 4).at[:2, :].set(12)
    assert jnp.exp(x)[0] == 1


def test_vectors_of_3_2(capsys):
    """Section 3.2.1: what the utilities print."""
    for d2l in (d2l_jax, d2l_torch):

        class A:
            def __init__(self):
                self.b = 1

        a = A()

        @d2l.add_to_class(A)
        def do(self):
            print('Class attribute "b" is', self.b)

        a.do()

        class B(d2l.HyperParameters):
            def __init__(self, a, b, c):
                self.save_hyperparameters(ignore=["c"])
                print("self.a =", self.a, "self.b =", self.b)
                print("There is no self.c =", not hasattr(self, "c"))

        B(a=1, b=2, c=3)
        assert capsys.readouterr().out == (
            'Class attribute "b" is 1\nself.a = 1 self.b = 2\nThere is no self.c = True\n'
        )
