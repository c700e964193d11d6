# %% [markdown]
"""
# Numerical stability and initialization (section 5.4)

The failures of naive initial weights, and how the schemes of Xavier and He avoid them.
"""

# %%
import numpy as np
from common import save_figure, show, start

d2l, args = start(__doc__, backend="jax")
rng = np.random.default_rng(args.seed)


def tensor(array):
    """Return a NumPy array as a float32 tensor."""
    return d2l.tensor(array, dtype=d2l.float32)


# %% [markdown]
# ## An explosion
#
# The signal of a deep network passes through many matrices. The product of 100 random ones
# explodes.

# %%
product = d2l.eye(4)
for i in range(1, 101):
    product = d2l.matmul(product, tensor(rng.standard_normal((4, 4))))
    if i in (1, 10, 50, 100):
        largest = float(d2l.abs(product).max())
        print(f"{i:3} random 4 x 4 matrices, largest entry of the product {largest:.3e}")

# %% [markdown]
# ## Symmetry
#
# Two hidden units that start from equal weights get equal gradients, and stay equal, like a single
# unit. Random weights break the symmetry.

# %%
X, y = (tensor(rng.standard_normal((32, width))) for width in (3, 1))
random = {"W1": rng.standard_normal((3, 2)), "W2": rng.standard_normal((2, 1))}
equal = {name: np.full_like(array, 0.5) for name, array in random.items()}


def loss(params):
    """Return the objective of a perceptron with two hidden units."""
    return d2l.forward_propagation(params, X, y)[0]


for name, beginning in (("equal", equal), ("random", random)):
    params = {key: tensor(array) for key, array in beginning.items()}
    for _ in range(50):
        params = d2l.sgd(params, d2l.grad(loss)(params), lr=0.1)
    print()
    show(f"W1 after 50 steps, {name} start", params["W1"])
    show("loss", loss(params))

# %% [markdown]
# ## Schemes
#
# Weights that are too small make the outputs vanish, layer by layer, and weights that are too large
# make them explode. Xavier's scheme holds the size with tanh, He's with ReLU, which discards half
# of the signal.

# %%
WIDTH, DEPTH = 256, 20


def sizes_by_layer(X, scheme, activation, sigma=0.01):
    """Return the mean size of each layer's outputs in a deep network."""
    shapes = {f"{i:02}.weight": (WIDTH, WIDTH) for i in range(DEPTH)}
    sizes = []
    for W in d2l.initial_weights(shapes, args.seed, scheme, sigma).values():
        X = activation(d2l.matmul(X, d2l.transpose(tensor(W))))
        sizes.append(float(d2l.reduce_mean(d2l.abs(X))))
    return sizes


X = tensor(rng.standard_normal((128, WIDTH)))
schemes = {
    "sigma 0.01, relu": ("normal", d2l.relu, 0.01),
    "sigma 0.2, relu": ("normal", d2l.relu, 0.2),
    "xavier, relu": ("xavier", d2l.relu, 0),
    "xavier, tanh": ("xavier", d2l.tanh, 0),
    "he, relu": ("he", d2l.relu, 0),
}
print(f"\nmean size of the outputs of layer{'1':>13}{'5':>12}{'10':>12}{DEPTH:>12}")
curves = {}
for name, scheme in schemes.items():
    curves[name] = sizes_by_layer(X, *scheme)
    print(f"{name:33}" + "".join(f"{curves[name][i]:12.3e}" for i in (0, 4, 9, -1)))

# %% [markdown]
# ## Sigmoid, and the schemes in a picture
#
# The gradient of sigmoid is at most 1/4, so each layer with it takes at least three quarters of the
# gradient.

# %%
figure, (left, right) = d2l.plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
x = d2l.linspace(-8, 8, 161)
gradient = d2l.grad(lambda x: d2l.reduce_sum(d2l.sigmoid(x)))(x)
d2l.plot(x, [d2l.sigmoid(x), gradient], "x", axes=left)
left.legend(["sigmoid", "its gradient,\nat most 1/4"], loc="upper left")
fmts, ylabel = ("C0-", "C1--", "C2-.", "C3:", "C4-"), "mean size of outputs"
layers = range(1, DEPTH + 1)
d2l.plot(layers, [*curves.values()], "layer", ylabel, yscale="log", fmts=fmts, axes=right)
right.legend(list(curves), fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
save_figure(args, figure)
