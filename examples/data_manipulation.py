# %% [markdown]
"""
# Data manipulation (section 2.1)

All of the book computes with tensors: arrays of numbers of one type, with any number of axes. This
section creates them, reads parts of them, and computes with them, entry by entry.

JAX's arrays are immutable, PyTorch's are not. `d2l.index_update` is an indexed update for both: it
returns a new tensor (in JAX by `X.at[index].set(values)`) and leaves the old one unchanged.
"""

# %%
import numpy as np
from common import show, start

d2l, args = start(__doc__, backend="jax", draws=False)

# %% [markdown]
# ## Creating tensors
#
# A vector of 12 numbers becomes a matrix when it is reshaped; the numbers stay in their order.

# %%
x = d2l.arange(12, dtype=d2l.float32)
X = d2l.reshape(x, (3, 4))
show("x", x)
print("size:", d2l.size(x), "shape:", tuple(x.shape))
show("x in 3 rows of 4", X)

# %% [markdown]
# Zeros, ones and lists of numbers are further beginnings. Random numbers that both frameworks share
# are NumPy's, since the generators of the frameworks draw different ones.

# %%
print("shapes:", tuple(d2l.zeros(2, 3, 4).shape), tuple(d2l.ones((2, 3, 4)).shape))
show("from lists", d2l.tensor([[2, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]]))
rng = np.random.default_rng(args.seed)
show("from NumPy, random", d2l.tensor(rng.standard_normal((3, 4)), dtype=d2l.float32))

# %% [markdown]
# ## Reading and replacing parts
#
# An index reads a row, a slice reads several. The update returns a new tensor, so `X` stays.

# %%
print()
show("X[-1]", X[-1])
show("X[1:3]", X[1:3])
Y = d2l.index_update(X, (1, 2), 17)
show("X with 17 at (1, 2)", Y)
show("X with 12 in its first two rows", d2l.index_update(Y, slice(0, 2), 12))
show("X is as it was", X)

# %% [markdown]
# ## Operations
#
# Arithmetic works entry by entry.

# %%
x, y = d2l.tensor([1.0, 2, 4, 8]), d2l.tensor([2.0, 2, 2, 2])
print()
show("x + y", x + y)
show("x - y", x - y)
show("x * y", x * y)
show("x / y", x / y)
show("x ** y", x**y)
show("exp(-x)", d2l.exp(-x))

# %% [markdown]
# Tensors are put together along an axis, compared, and summed. Where two shapes differ, axes of
# length 1 are repeated to fit: `(3, 1)` and `(1, 2)` are broadcast to `(3, 2)`.

# %%
X = d2l.reshape(d2l.arange(12, dtype=d2l.float32), (3, 4))
Y = d2l.tensor([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])
show("concat, axis 0", d2l.concat((X, Y), axis=0))
show("concat, axis 1", d2l.concat((X, Y), axis=1))
show("X == Y", X == Y)
show("sum of X", d2l.reduce_sum(X))
a, b = d2l.reshape(d2l.arange(3), (3, 1)), d2l.reshape(d2l.arange(2), (1, 2))
show("(3, 1) + (1, 2), broadcast", a + b)

# %% [markdown]
# ## Memory
#
# A result is a new object, and takes over the name.

# %%
Y = d2l.ones(3)
before = id(Y)
Y = Y + 1
print("\nY = Y + 1 keeps the object:", id(Y) == before)

# %% [markdown]
# ## To other objects
#
# `d2l.numpy` returns NumPy's array, and a tensor of one number converts to Python's.

# %%
X = d2l.ones(2, 2)
A = d2l.numpy(X)
print("NumPy's array:", type(A) is np.ndarray, "and back:", type(d2l.tensor(A)) is type(X))
a = d2l.tensor([3.5])
print("as numbers:", a.item(), float(a[0]), int(a[0]))
