"""Activation functions and their gradients: ReLU, pReLU, sigmoid, tanh (section 5.1.2)."""

from common import Section, show


def activations(d2l, alpha):
    """Return the functions by name."""
    return {
        "relu": d2l.relu,
        "prelu": lambda x: d2l.prelu(x, alpha),
        "sigmoid": d2l.sigmoid,
        "tanh": d2l.tanh,
    }


def slopes(d2l, function):
    """Return the elementwise derivative: each y depends on one x, so differentiate the sum."""
    return d2l.grad(lambda x: d2l.reduce_sum(function(x)))


def draw(d2l, functions):
    """Return a figure with a column for each function: values above, gradient below."""
    figure, axes = d2l.plt.subplots(2, len(functions), figsize=(10, 4), layout="constrained")
    x = d2l.linspace(-8, 8, 321)
    for (above, below), (name, function) in zip(axes.T, functions.items(), strict=True):
        d2l.plot(x, function(x), "x", f"{name}(x)", axes=above)
        slope = slopes(d2l, function)(x)
        d2l.plot(x, slope, "x", f"grad of {name}", ylim=(-0.05, 1.05), fmts="m-", axes=below)
    return figure


def run(d2l, options):
    """Print values and gradients at a few points, and return the figure."""
    functions = activations(d2l, options.alpha)
    x = d2l.tensor([-8.0, -2.0, -0.5, 0.0, 0.5, 2.0, 8.0])
    show("x", x)
    for name, function in functions.items():
        print()
        show(f"{name}(x)", function(x))
        show(f"grad of {name}", slopes(d2l, function)(x))
    print("\nAt 0, where relu has a corner, its gradient is taken to be 0, and prelu's is alpha.")
    print("Far from 0 sigmoid and tanh are flat, so their gradients are almost 0.")
    return draw(d2l, functions)


if __name__ == "__main__":
    Section(__doc__, run, extra={"alpha": 0.25}).main()
