# %% [markdown]
"""
# Runs that repeat themselves, and a look inside a model (section 5.8 of 2026)

One seed decides initial weights and the order of the data; other random numbers do not change
them. Outputs of each layer show where numbers grow, and where the first NaN comes from.
"""

# %%
import frameworks
import numpy as np
from common import save_figure, set_weights, show, start

d2l, args = start(__doc__, backend="jax")

# %% [markdown]
# ## Seeds
#
# Two runs with the same seed are equal to the bit, also if the second one draws random numbers for
# something else in between.


# %%
def train(seed, draws=0):
    """Train two epochs, after unrelated draws from the global stream; return the losses."""
    model = d2l.MLP(num_outputs=10, num_hiddens=32, lr=0.1, num_inputs=64)
    set_weights(d2l, model, seed, "he")
    for _ in range(draws):
        d2l.rand(3)
    history = d2l.Trainer(2).fit(model, d2l.Digits(batch_size=128, seed=seed))
    return history.train_loss


first = train(args.seed)
show("loss of the last steps", first[-3:])
runs = {
    "same seed": train(args.seed),
    "same seed, unrelated draws": train(args.seed, draws=100),
    "another seed": train(args.seed + 1),
}
for name, losses in runs.items():
    print(f"{name:32} equal to the bit: {np.array_equal(first, losses)}")

# %% [markdown]
# ## The order of a sum
#
# Each addition rounds, so a sum depends on the order of its terms. Devices and versions choose
# different orders: equal to the bit holds on one machine.

# %%
x = d2l.tensor(np.random.default_rng(args.seed).standard_normal(100_000), dtype=d2l.float32)
forward, exact = d2l.reduce_sum(x), np.sum(d2l.numpy(x).astype(float))
in_rows = d2l.reduce_sum(d2l.reduce_sum(d2l.reshape(x, (100, 1000)), 0))
print(f"\nsums of the same numbers are within 0.001: {abs(float(forward - in_rows)) < 1e-3}")
show("their sum in float64", exact)

# %% [markdown]
# ## The outputs of each layer
#
# In a network with He's weights they keep their size; with weights half as large again they grow,
# layer by layer.


# %%
def deep_network(factor, depth=8):
    """Return linear layers and activations in turn, with weights that are `factor` times He's."""
    layers = []
    for _ in range(depth):
        layers += [frameworks.linear(d2l, 64, 64), frameworks.relu(d2l)]
    net = frameworks.sequential(d2l, *layers)
    set_weights(d2l, net, args.seed, "he")
    weights = d2l.export_weights(net)
    d2l.import_weights(net, {name: factor * array for name, array in weights.items()})
    return net


def outputs(net):
    """Return the outputs of a network's linear layers as arrays, by the layer's name."""
    X = np.random.default_rng(args.seed).standard_normal((32, 64))
    found = frameworks.outputs_of_layers(d2l, net, d2l.tensor(X, dtype=d2l.float32))
    return {name: d2l.numpy(Y) for name, Y in found.items()}


curves = {}
for title, factor in (("He's weights", 1.0), ("1.5 times He's", 1.5)):
    found = outputs(deep_network(factor))
    curves[title] = {int(name): float(np.std(Y)) for name, Y in found.items()}
small, large = curves.values()
print("\nstd of outputs" + "".join(f"{title:>16}" for title in curves))
for layer in small:
    print(f"layer {layer:2}      {small[layer]:16.3f}{large[layer]:16.3f}")

# %% [markdown]
# ## The first NaN
#
# One bad number in a weight makes the loss NaN. The first layer whose outputs are not finite is
# where to look.

# %%
net = deep_network(1.0)
weights = d2l.export_weights(net)
weights["6.weight"][0, 0] = np.nan
d2l.import_weights(net, weights)
broken = [name for name, Y in outputs(net).items() if not np.isfinite(Y).all()]
print(f"with a NaN in a weight of layer 6, the first layer that returns NaN: {broken[0]}")

# %%
figure, axes = d2l.plt.subplots(figsize=(4.5, 3), layout="constrained")
sizes = [list(curve.values()) for curve in curves.values()]
d2l.plot(list(small), sizes, "layer", "std of outputs", legend=list(curves), axes=axes)
save_figure(args, figure)
