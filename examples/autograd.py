# %% [markdown]
"""
# Automatic differentiation (section 2.5)

`d2l.grad(f)` returns the function that computes the gradient of `f` with respect to its first
argument. The other arguments are constants: that is how both backends detach a result.
"""

# %%
import numpy as np
from common import show, start

d2l, args = start(__doc__, backend="jax", draws=False)

# %% [markdown]
# ## A simple function
#
# Twice the dot product of `x` with itself has the gradient `4 x`.

# %%
x = d2l.arange(4, dtype=d2l.float32)
value, gradient = d2l.value_and_grad(lambda x: 2 * d2l.matmul(x, x))(x)
show("x", x)
show("y = 2 x.x", value)
show("its gradient", gradient)
show("equal to 4 x", gradient == 4 * x)
show("gradient of the sum of x", d2l.grad(d2l.reduce_sum)(x))

# %% [markdown]
# ## Functions with several outputs
#
# A gradient belongs to one number, so the outputs are summed: the gradient of the sum is the sum of
# the gradients. A weighted sum is the vector-Jacobian product.

# %%
print()
show("gradient of the sum of x * x", d2l.grad(lambda x: d2l.reduce_sum(x * x))(x))
v = d2l.tensor([1.0, 0.0, 0.0, 10.0])
show("weighted by (1, 0, 0, 10)", d2l.grad(lambda x: d2l.reduce_sum(v * x * x))(x))

# %% [markdown]
# ## Detaching a result
#
# A part of the computation counts as a constant if it is passed as another argument.


# %%
def z(x, u):
    """Return the sum of `u * x`."""
    return d2l.reduce_sum(u * x)


print()
show("u = x * x, then z = u * x", x * x)
show("gradient of z, u constant", d2l.grad(z)(x, x * x))
show("gradient of z through u", d2l.grad(lambda x: z(x, x * x))(x))
show("gradient of z by u", d2l.grad(z, argnums=1)(x, x * x))

# %% [markdown]
# ## Python's own loops
#
# The function may decide by numbers which steps it takes. This one is linear around each `a`, so
# its slope is `f(a) / a`.


# %%
def f(a):
    """Double `a` until it is large, and scale it if it is negative, with `while` and `if`."""
    b = a * 2
    while abs(b) < 1000:
        b = b * 2
    return b if b > 0 else 100 * b


print()
for number in np.random.default_rng(args.seed).standard_normal(3):
    a = d2l.tensor(number, dtype=d2l.float32)
    value, slope = d2l.value_and_grad(f)(a)
    numbers = f"a {float(a):8.4f}   f(a) {float(value):12.2f}   slope {float(slope):9.0f}"
    print(f"{numbers}   f(a) / a {float(value / a):9.0f}")
