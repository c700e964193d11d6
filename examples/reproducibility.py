"""
Runs that repeat themselves, and a look inside a model (section 5.8 of 2026).

One seed decides initial weights and the order of the data; other random numbers do not change
them. Outputs of each layer show where numbers grow, and where the first NaN comes from.
"""

import frameworks
import numpy as np
from common import Section, set_weights, show


def train(d2l, seed, draws=0):
    """Train two epochs, after unrelated draws from the global stream; return the losses."""
    model = d2l.MLP(num_outputs=10, num_hiddens=32, lr=0.1, num_inputs=64)
    set_weights(d2l, model, seed, "he")
    for _ in range(draws):
        d2l.rand(3)
    history = d2l.Trainer(2).fit(model, d2l.Digits(batch_size=128, seed=seed))
    return history.train_loss


def show_seeds(d2l, seed):
    """Print whether runs repeat themselves to the bit."""
    first = train(d2l, seed)
    show("loss of the last steps", first[-3:])
    for name, arguments in {
        "same seed": (seed,),
        "same seed, unrelated draws": (seed, 100),
        "another seed": (seed + 1,),
    }.items():
        print(f"{name:32} equal to the bit: {np.array_equal(first, train(d2l, *arguments))}")


def show_order(d2l, seed):
    """Print that a sum depends on the order of its terms."""
    x = d2l.tensor(np.random.default_rng(seed).standard_normal(100_000), dtype=d2l.float32)
    forward, exact = d2l.reduce_sum(x), np.sum(d2l.numpy(x).astype(float))
    in_rows = d2l.reduce_sum(d2l.reduce_sum(d2l.reshape(x, (100, 1000)), 0))
    print(f"\nsums of the same numbers are within 0.001: {abs(float(forward - in_rows)) < 1e-3}")
    show("their sum in float64", exact)


def deep_network(d2l, seed, factor, depth=8):
    """Return linear layers and activations in turn, with weights that are `factor` times He's."""
    layers = []
    for _ in range(depth):
        layers += [frameworks.linear(d2l, 64, 64), frameworks.relu(d2l)]
    net = frameworks.sequential(d2l, *layers)
    set_weights(d2l, net, seed, "he")
    weights = d2l.export_weights(net)
    d2l.import_weights(net, {name: factor * array for name, array in weights.items()})
    return net


def outputs(d2l, net, seed):
    """Return the outputs of a network's linear layers as arrays, by the layer's name."""
    X = np.random.default_rng(seed).standard_normal((32, 64))
    found = frameworks.outputs_of_layers(d2l, net, d2l.tensor(X, dtype=d2l.float32))
    return {name: d2l.numpy(Y) for name, Y in found.items()}


def show_outputs(d2l, seed):
    """Print and return the size of each layer's outputs, for two sizes of weights."""
    curves = {}
    for title, factor in (("He's weights", 1.0), ("1.5 times He's", 1.5)):
        found = outputs(d2l, deep_network(d2l, seed, factor), seed)
        curves[title] = {int(name): float(np.std(Y)) for name, Y in found.items()}
    first, second = curves.values()
    print("\nstd of outputs" + "".join(f"{title:>16}" for title in curves))
    for layer in first:
        print(f"layer {layer:2}      {first[layer]:16.3f}{second[layer]:16.3f}")
    return curves


def show_nan(d2l, seed):
    """Print the first layer that returns NaN."""
    net = deep_network(d2l, seed, 1.0)
    weights = d2l.export_weights(net)
    weights["6.weight"][0, 0] = np.nan
    d2l.import_weights(net, weights)
    found = outputs(d2l, net, seed)
    broken = [name for name, Y in found.items() if not np.isfinite(Y).all()]
    print(f"with a NaN in a weight of layer 6, the first layer that returns NaN: {broken[0]}")


def run(d2l, options):
    """Print seeds, orders and outputs, and return the figure."""
    show_seeds(d2l, options.seed)
    show_order(d2l, options.seed)
    curves = show_outputs(d2l, options.seed)
    show_nan(d2l, options.seed)
    figure, axes = d2l.plt.subplots(figsize=(4.5, 3), layout="constrained")
    layers = list(curves["He's weights"])
    sizes = [list(curve.values()) for curve in curves.values()]
    d2l.plot(layers, sizes, "layer", "std of outputs", legend=list(curves), axes=axes)
    return figure


if __name__ == "__main__":
    Section(__doc__, run).main()
