"""Vectorization for speed, and the normal distribution (section 3.1)."""

from common import Section, show


def show_times(d2l, n):
    """Time the sum of two vectors, entry by entry and at once."""
    a, b = d2l.ones(n), d2l.ones(n)
    timer = d2l.Timer()
    c = d2l.zeros(n)
    for i in range(n):
        c = d2l.index_update(c, i, a[i] + b[i])
    d2l.numpy(c)  # JAX computes asynchronously: wait for the result
    print(f"{n} additions in a loop:  {timer.stop():.5f} sec")
    d2l.numpy(a + b)  # in JAX the first call compiles
    timer.start()
    d = a + b
    d2l.numpy(d)
    print(f"one addition of vectors: {timer.stop():.5f} sec")
    print(f"speedup:                 {timer.times[0] / timer.times[1]:.0f}")
    print(f"equal:                   {bool((c == d).all())}")


def show_densities(d2l):
    """Print densities of the normal distribution, and return the figure of three of them."""
    few = d2l.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
    x = d2l.linspace(-7, 7, 1401)
    params = [(0, 1), (0, 2), (3, 1)]
    print()
    show("x", few)
    for mean, std in params:
        show(f"density, mean {mean}, std {std}", d2l.normal_density(few, mean, std))
    # The squared loss is the negative logarithm of the density, up to a constant.
    y, y_hat = d2l.tensor([3.0, 0.5]), d2l.tensor([1.0, 0.0])
    show("-log density(y - y_hat)", -d2l.log(d2l.normal_density(y - y_hat, 0, 1)))
    show("squared loss + log sqrt(2 pi)", d2l.squared_loss(y_hat, y) + 0.91894)
    area = d2l.reduce_sum(d2l.normal_density(x, 0, 1)) * 0.01
    show("area under a density", area)
    densities = [d2l.normal_density(x, mean, std) for mean, std in params]
    legend = [f"mean {mean}, std {std}" for mean, std in params]
    d2l.plot(x, densities, "x", "p(x)", legend, figsize=(4.5, 2.5))
    return d2l.plt.gcf()


def run(d2l, options):
    """Print times and densities, and return the figure."""
    show_times(d2l, options.n)
    return show_densities(d2l)


if __name__ == "__main__":
    Section(__doc__, run, extra={"n": 10000}).main()
