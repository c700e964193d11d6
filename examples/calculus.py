# %% [markdown]
"""
# Calculus: the derivative of 3 x^2 - 4 x as a limit, and its tangent (section 2.4)

The derivative is the limit of difference quotients. On a computer a small step is not always a
better one: the difference of two almost equal numbers loses its digits.
"""

# %%
from common import save_figure, start

d2l, args = start(__doc__, backend="jax")

# %% [markdown]
# ## The limit
#
# The quotients at 1, with Python's float64 and with float32 tensors. By the rules of
# differentiation the slope there is 6 - 4 = 2.


# %%
def f(x):
    """Return `3 x^2 - 4 x`."""
    return 3 * x**2 - 4 * x


print("      h   float64   float32")
for exponent in range(1, 8):
    h = 10.0**-exponent
    narrow = d2l.tensor(1 + h, dtype=d2l.float32)
    exact = (f(1 + h) - f(1)) / h
    rounded = float(f(narrow) - f(d2l.tensor(1.0))) / h
    print(f"{h:7.0e}{exact:10.4f}{rounded:10.4f}")
print("With a small h the difference loses its digits: first in float32, later in float64.")

# %% [markdown]
# Automatic differentiation applies the rules instead, and is exact to rounding.

# %%
derivative = d2l.grad(f)(d2l.tensor(1.0))
print(f"automatic differentiation needs no h: {float(derivative):.4f}")

# %% [markdown]
# ## The tangent
#
# The line through the point `(1, -1)` with this slope.

# %%
x = d2l.arange(0, 3, 0.1)
legend = ["f(x)", "tangent at x = 1"]
d2l.plot(x, [f(x), 2 * x - 3], "x", "f(x)", legend=legend)
save_figure(args, d2l.plt.gcf())
