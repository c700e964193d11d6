# %% [markdown]
"""
# Activation functions and their gradients: ReLU, pReLU, sigmoid, tanh (section 5.1.2)

Without a nonlinear function between them, layers in a row are one linear layer. Its gradient says
how much of the loss reaches the layers below.
"""

# %%
from common import save_figure, show, start

d2l, args = start(__doc__, backend="jax", alpha=0.25)

# %% [markdown]
# ## Values and gradients
#
# Each output depends on one input, so the elementwise derivative is the gradient of the sum.

# %%
functions = {
    "relu": d2l.relu,
    "prelu": lambda x: d2l.prelu(x, args.alpha),
    "sigmoid": d2l.sigmoid,
    "tanh": d2l.tanh,
}


def slopes(function):
    """Return the elementwise derivative of a function."""
    return d2l.grad(lambda x: d2l.reduce_sum(function(x)))


x = d2l.tensor([-8.0, -2.0, -0.5, 0.0, 0.5, 2.0, 8.0])
show("x", x)
for name, function in functions.items():
    print()
    show(f"{name}(x)", function(x))
    show(f"grad of {name}", slopes(function)(x))

# %%
print("\nAt 0, where relu has a corner, its gradient is taken to be 0, and prelu's is alpha.")
print("Far from 0 sigmoid and tanh are flat, so their gradients are almost 0.")

# %% [markdown]
# ## Curves
#
# A column for each function: its values above, its gradient below.

# %%
figure, axes = d2l.plt.subplots(2, len(functions), figsize=(10, 4), layout="constrained")
x = d2l.linspace(-8, 8, 321)
for (above, below), (name, function) in zip(axes.T, functions.items(), strict=True):
    d2l.plot(x, function(x), "x", f"{name}(x)", axes=above)
    slope = slopes(function)(x)
    d2l.plot(x, slope, "x", f"grad of {name}", ylim=(-0.05, 1.05), fmts="m-", axes=below)
save_figure(args, figure)
