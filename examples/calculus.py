"""Calculus: the derivative of 3 x^2 - 4 x as a limit, and its tangent (section 2.4)."""

from common import Section


def f(x):
    """Return `3 x^2 - 4 x`."""
    return 3 * x**2 - 4 * x


def show_limit(d2l):
    """Print difference quotients at 1: with Python's float64, and with float32 tensors."""
    print("      h   float64   float32")
    for exponent in range(1, 8):
        h = 10.0**-exponent
        narrow = d2l.tensor(1 + h, dtype=d2l.float32)
        exact = (f(1 + h) - f(1)) / h
        rounded = float(f(narrow) - f(d2l.tensor(1.0))) / h
        print(f"{h:7.0e}{exact:10.4f}{rounded:10.4f}")
    print("With a small h the difference loses its digits: first in float32, later in float64.")
    derivative = d2l.grad(f)(d2l.tensor(1.0))
    print(f"automatic differentiation needs no h: {float(derivative):.4f}")


def run(d2l, options):
    """Print the limit, and return the figure of the function and its tangent at 1."""
    show_limit(d2l)
    x = d2l.arange(0, 3, 0.1)
    legend = ["f(x)", "tangent at x = 1"]
    d2l.plot(x, [f(x), 2 * x - 3], "x", "f(x)", legend=legend)
    return d2l.plt.gcf()


if __name__ == "__main__":
    Section(__doc__, run).main()
