# %% [markdown]
"""
# Linear algebra: reductions, products, norms (section 2.3)

The operations on scalars, vectors and matrices that every model of the book is made of.
"""

# %%
from common import show, start

d2l, args = start(__doc__, backend="jax", draws=False)

# %% [markdown]
# ## Scalars, vectors, matrices, tensors

# %%
x, y = d2l.tensor(3.0), d2l.tensor(2.0)
show("x + y, x * y, x / y, x ** y", d2l.stack([x + y, x * y, x / y, x**y]))
v = d2l.arange(3)
show("vector", v)
print("length:", len(v), "shape:", tuple(v.shape), "v[2]:", int(v[2]))

# %% [markdown]
# The transpose exchanges rows and columns. A matrix that equals its transpose is symmetric.

# %%
A = d2l.reshape(d2l.arange(6), (3, 2))
show("A", A)
show("transpose of A", d2l.transpose(A))
S = d2l.tensor([[1, 2, 3], [2, 0, 4], [3, 4, 5]])
print("S is symmetric:", bool((d2l.transpose(S) == S).all()))
show("a tensor of 3 axes", d2l.reshape(d2l.arange(24), (2, 3, 4)))

# %% [markdown]
# ## Sums and means
#
# Over all entries, or over one axis, which then disappears from the shape.

# %%
A = d2l.reshape(d2l.arange(6, dtype=d2l.float32), (2, 3))
print()
show("A", A)
show("A + A", A + A)
show("A * A, elementwise", A * A)
show("sum", d2l.reduce_sum(A))
show("sum over axis 0", d2l.reduce_sum(A, 0))
show("sum over axis 1", d2l.reduce_sum(A, 1))
show("mean", d2l.reduce_mean(A))
show("sum / number", d2l.reduce_sum(A) / d2l.size(A))
show("mean over axis 0", d2l.reduce_mean(A, 0))

# %% [markdown]
# With `keepdims` the axis stays, with length 1, so that the sums can be broadcast against `A`.

# %%
sums = d2l.reduce_sum(A, 1, keepdims=True)
show("sum over axis 1, keepdims", sums)
show("A / these sums, broadcast", A / sums)
show("cumulative sum over axis 0", A.cumsum(0))

# %% [markdown]
# ## Products
#
# `d2l.matmul` multiplies vectors and matrices, `d2l.batch_matmul` a matrix for each example.

# %%
x, B = d2l.arange(3, dtype=d2l.float32), d2l.ones(3, 4)
y = d2l.ones(3)
print()
show("dot product", d2l.matmul(x, y))
show("sum of x * y, the same", d2l.reduce_sum(x * y))
show("matrix-vector product", d2l.matmul(A, x))
show("matrix-matrix product", d2l.matmul(A, B))
show("A @ B, the same", A @ B)
print("of a batch:", tuple(d2l.batch_matmul(d2l.ones(5, 2, 3), d2l.ones(5, 3, 4)).shape))

# %% [markdown]
# ## Norms
#
# A norm is the size of a vector: by the squares of its entries, or by their absolute values.

# %%
u = d2l.tensor([3.0, -4.0])
print()
show("l2 norm of (3, -4)", d2l.reduce_sum(u**2) ** 0.5)
show("l1 norm", d2l.reduce_sum(d2l.abs(u)))
show("Frobenius norm of 4 x 9 ones", d2l.reduce_sum(d2l.ones(4, 9) ** 2) ** 0.5)
