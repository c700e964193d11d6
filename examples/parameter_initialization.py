# %% [markdown]
"""
# Initial weights of your own choice, layer by layer (section 6.3)

`apply_init` calls a function for each layer. The figure shows what the last layer of a residual
block should start from: outputs of blocks in a row stay of one size if it is scaled, or 0.
"""

# %%
from functools import partial

import frameworks
import numpy as np
from common import save_figure, show, start

d2l, args = start(__doc__, backend="jax")

# %% [markdown]
# ## A function for each layer
#
# It sets the weight to random numbers of its own choice and the bias to 0, and passes over layers
# without them.


# %%
def set_layer(draw, layer):
    """Set the weight of a layer to `draw(shape)`, and its bias to 0; pass over other layers."""
    weights = d2l.export_weights(layer)
    if set(weights) == {"weight", "bias"}:
        weight = draw(weights["weight"].shape)
        d2l.import_weights(layer, {"weight": weight, "bias": np.zeros(len(weight))})


def sparse(rng, shape):
    """Return numbers uniform in [-10, 10], with those below 5 in size set to 0."""
    W = rng.uniform(-10, 10, shape)
    return W * (np.abs(W) >= 5)


# %%
rng = np.random.default_rng(args.seed)
draws = {
    "normal, sigma 0.01": lambda shape: rng.normal(0, 0.01, shape),
    "constant 1": np.ones,
    "0, or of size 5 to 10": lambda shape: sparse(rng, shape),
}
images = d2l.zeros(frameworks.image_shape(d2l, 1, 1, 28))
print(f"{'weights of LeNet':24}{'mean':>10}{'std':>10}{'zeros':>10}")
for name, draw in draws.items():
    model = d2l.LeNet()
    model.apply_init([images], partial(set_layer, draw))
    weights = d2l.export_weights(model).items()
    W = np.concatenate([array.ravel() for name, array in weights if "weight" in name])
    print(f"{name:24}{W.mean():10.4f}{W.std():10.4f}{np.mean(W == 0):10.4f}")

# %% [markdown]
# ## One layer, by name

# %%
layer = frameworks.linear(d2l, 4, 2)
set_layer(lambda shape: np.arange(8.0).reshape(shape), layer)
weights = d2l.export_weights(layer)
weights["weight"] += 1
weights["weight"][0, 0] = 42
d2l.import_weights(layer, weights)
show("\nweight, + 1 and one number 42", d2l.export_weights(layer)["weight"])

# %% [markdown]
# ## Residual blocks
#
# Each block adds something to its input, so the signal grows with the number of blocks. A last
# layer that is divided by the root of their number holds the growth; one of 0 makes each block the
# identity at the beginning.

# %%
WIDTH = 64
DEPTHS = (1, 2, 4, 8, 16, 32)


def output_std(num_blocks, factor):
    """Return the standard deviation of outputs after residual blocks, `X + factor * f(X)`."""
    rng = np.random.default_rng(args.seed)
    X = d2l.tensor(rng.standard_normal((256, WIDTH)), dtype=d2l.float32)
    shapes = {f"{i}.weight": (WIDTH, WIDTH) for i in range(2 * num_blocks)}
    weights = iter(d2l.initial_weights(shapes, args.seed, "he").values())
    for first, last in zip(weights, weights, strict=True):
        W1, W2 = (d2l.tensor(W.T, dtype=d2l.float32) for W in (first, factor * last))
        X = X + d2l.matmul(d2l.relu(d2l.matmul(X, W1)), W2)
    return float(np.std(d2l.numpy(X)))


factors = {"He's": lambda n: 1, "He's / sqrt(n)": lambda n: n**-0.5, "0": lambda n: 0}
print(f"\nstd of the outputs of n blocks{'':2}" + "".join(f"{n:10}" for n in DEPTHS))
curves = {}
for name, factor in factors.items():
    curves[name] = [output_std(n, factor(n)) for n in DEPTHS]
    print(f"last weights {name:19}" + "".join(f"{std:10.3e}" for std in curves[name]))

# %%
figure, axes = d2l.plt.subplots(figsize=(4.5, 3), layout="constrained")
legend = [f"last weights {name}" for name in curves]
axis = {"xscale": "log", "yscale": "log", "legend": legend, "axes": axes}
d2l.plot(DEPTHS, [*curves.values()], "residual blocks", "std of outputs", **axis)
axes.set_xticks(DEPTHS, DEPTHS)
axes.minorticks_off()
save_figure(args, figure)
