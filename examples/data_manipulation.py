"""
Data manipulation (section 2.1).

JAX's arrays are immutable, PyTorch's are not. `d2l.index_update` is an indexed update for both: it
returns a new tensor (in JAX by `X.at[index].set(values)`) and leaves the old one unchanged.
"""

import numpy as np
from common import Section, show


def show_creation(d2l, rng):
    """Create tensors and print them."""
    x = d2l.arange(12, dtype=d2l.float32)
    X = d2l.reshape(x, (3, 4))
    show("x", x)
    print("size:", d2l.size(x), "shape:", tuple(x.shape))
    show("x in 3 rows of 4", X)
    print("shapes:", tuple(d2l.zeros(2, 3, 4).shape), tuple(d2l.ones((2, 3, 4)).shape))
    show("from lists", d2l.tensor([[2, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]]))
    # Shared random numbers are NumPy's: the generators of the frameworks draw different ones.
    show("from NumPy, random", d2l.tensor(rng.standard_normal((3, 4)), dtype=d2l.float32))
    return X


def show_indexing(d2l, X):
    """Read parts of a tensor, and create tensors with parts replaced."""
    print()
    show("X[-1]", X[-1])
    show("X[1:3]", X[1:3])
    Y = d2l.index_update(X, (1, 2), 17)
    show("X with 17 at (1, 2)", Y)
    show("X with 12 in its first two rows", d2l.index_update(Y, slice(0, 2), 12))
    show("X is as it was", X)


def show_operations(d2l):
    """Compute elementwise, concatenate, compare, sum and broadcast."""
    x, y = d2l.tensor([1.0, 2, 4, 8]), d2l.tensor([2.0, 2, 2, 2])
    print()
    for name, value in {
        "x + y": x + y, "x - y": x - y, "x * y": x * y, "x / y": x / y, "x ** y": x**y,
        "exp(-x)": d2l.exp(-x),
    }.items():  # fmt: skip
        show(name, value)
    X = d2l.reshape(d2l.arange(12, dtype=d2l.float32), (3, 4))
    Y = d2l.tensor([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])
    show("concat, axis 0", d2l.concat((X, Y), axis=0))
    show("concat, axis 1", d2l.concat((X, Y), axis=1))
    show("X == Y", X == Y)
    show("sum of X", d2l.reduce_sum(X))
    a, b = d2l.reshape(d2l.arange(3), (3, 1)), d2l.reshape(d2l.arange(2), (1, 2))
    show("(3, 1) + (1, 2), broadcast", a + b)


def show_memory(d2l):
    """Show that a result is a new object, which takes over the name."""
    Y = d2l.ones(3)
    before = id(Y)
    Y = Y + 1
    print("\nY = Y + 1 keeps the object:", id(Y) == before)


def show_conversion(d2l):
    """Convert to NumPy and back, and to Python's numbers."""
    X = d2l.ones(2, 2)
    A = d2l.numpy(X)
    print("NumPy's array:", type(A) is np.ndarray, "and back:", type(d2l.tensor(A)) is type(X))
    a = d2l.tensor([3.5])
    print("as numbers:", a.item(), float(a[0]), int(a[0]))


def run(d2l, options):
    """Print all of the section's results."""
    X = show_creation(d2l, np.random.default_rng(options.seed))
    show_indexing(d2l, X)
    show_operations(d2l)
    show_memory(d2l)
    show_conversion(d2l)


if __name__ == "__main__":
    Section(__doc__, run, draws=False).main()
