"""
Backpropagation by hand, against automatic differentiation (section 5.3).

Then its memory: training keeps every layer's outputs for the backward pass, prediction does not.
JAX reports the memory that the compiled program reserves, PyTorch that of autograd's saved tensors.
"""

import numpy as np
from common import Section, show

DEPTHS = [1, 2, 4, 8, 16]


def small_problem(d2l, seed):
    """Return parameters, inputs and targets: 4 inputs, 3 hidden units, 2 outputs, 5 examples."""
    rng = np.random.default_rng(seed)
    shapes = {"W1": (4, 3), "W2": (3, 2), "X": (5, 4), "y": (5, 2)}
    drawn = {
        name: d2l.tensor(rng.standard_normal(shape), dtype=d2l.float32)
        for name, shape in shapes.items()
    }
    return {"W1": drawn["W1"], "W2": drawn["W2"]}, drawn["X"], drawn["y"]


def show_gradients(d2l, params, X, y, lambd):
    """Run both passes by hand, and compare the gradients with `d2l.grad`."""
    objective, intermediates = d2l.forward_propagation(params, X, y, lambd)
    by_hand = d2l.backpropagation(params, X, y, intermediates, lambd)
    automatic = d2l.grad(lambda p: d2l.forward_propagation(p, X, y, lambd)[0])(params)
    show("objective", objective)
    for name in params:
        gap = np.abs(d2l.numpy(by_hand[name]) - d2l.numpy(automatic[name])).max()
        print()
        show(f"gradient of {name}, by hand", by_hand[name])
        show(f"gradient of {name}, d2l.grad", automatic[name])
        print(f"equal to 1e-6: {gap < 1e-6}")
    stepped, _ = d2l.forward_propagation(d2l.sgd(params, by_hand, lr=0.1), X, y, lambd)
    print()
    show("objective after a step of SGD", stepped)


def deep_network(d2l):
    """Return the function of weights and a minibatch that computes a network's mean output."""

    def output(weights, X):
        for W in weights:
            X = d2l.tanh(d2l.matmul(X, W))
        return d2l.reduce_mean(X)

    return output


def show_memory(d2l, width=256, batch_size=512):
    """Print and return the MiB that prediction and training take, by depth."""
    print(f"\nMiB of intermediate results, {batch_size} examples, layers of {width} units")
    print("layers  prediction  training")
    X = d2l.ones((batch_size, width))
    rows = []
    for depth in DEPTHS:
        weights = [d2l.ones((width, width)) / width] * depth
        rows.append(
            [size / 2**20 for size in d2l.memory_of_training(deep_network(d2l), weights, X)]
        )
        print(f"{depth:6}  {rows[-1][0]:10.2f}  {rows[-1][1]:8.2f} MiB")
    return np.array(rows).T


def run(d2l, options):
    """Print gradients and memory, and return the figure of the memory."""
    show_gradients(d2l, *small_problem(d2l, options.seed), lambd=options.lambd)
    memory = show_memory(d2l)
    d2l.plot(DEPTHS, memory, "layers", "MiB", legend=["prediction", "training"])
    d2l.plt.xticks(DEPTHS)
    return d2l.plt.gcf()


if __name__ == "__main__":
    Section(__doc__, run, extra={"lambd": 0.1}).main()
