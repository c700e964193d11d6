"""Softmax, and the basics of information theory (section 4.1)."""

from common import Section, show


def show_softmax(d2l):
    """Print probabilities, which sum to 1; adding a number to all logits changes nothing."""
    O = d2l.tensor([[1.0, 2.0, 3.0], [101.0, 102.0, 103.0], [0.0, 0.0, 0.0]])
    Y_hat = d2l.softmax(O)
    show("logits", O)
    show("softmax", Y_hat)
    show("sums of rows", d2l.reduce_sum(Y_hat, 1))
    show("softmax of 10 times the logits", d2l.softmax(10 * O))


def show_loss(d2l):
    """Print the cross-entropy and its gradient, which is softmax minus the one-hot label."""
    logits, y = d2l.tensor([[1.0, 2.0, 3.0]]), d2l.tensor([0])
    show("\nloss at label 0", d2l.cross_entropy(d2l.softmax(logits), y))
    show("gradient by the logits", d2l.grad(d2l.softmax_cross_entropy)(logits, y))
    show("softmax - one-hot", d2l.softmax(logits) - d2l.eye(3)[0])


def show_information(d2l):
    """Print entropies in nats, and the cost of mistaking one distribution for another."""
    P = {
        "certain": d2l.tensor([1.0, 0.0, 0.0, 0.0]),
        "skewed": d2l.tensor([0.5, 0.25, 0.125, 0.125]),
        "uniform": d2l.tensor([0.25, 0.25, 0.25, 0.25]),
    }
    print()
    for name, p in P.items():
        show(f"entropy, {name}", d2l.entropy(p))
    p, q = P["skewed"], P["uniform"]
    cross = -d2l.reduce_sum(p * d2l.log(q))
    show("cross-entropy of skewed, uniform", cross)
    show("KL of skewed, uniform", d2l.kl_divergence(p, q))
    show("KL of uniform, skewed", d2l.kl_divergence(q, p))
    show("entropy + KL", d2l.entropy(p) + d2l.kl_divergence(p, q))


def draw(d2l):
    """Return a figure of two classes: the softmax, and the entropy of its outcome."""
    figure, (left, right) = d2l.plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    o = d2l.linspace(-6, 6, 121)
    probabilities = d2l.softmax(d2l.stack([o, d2l.zeros_like(o)], 1))
    d2l.plot(
        o, d2l.transpose(probabilities), "$o_1 - o_2$", "softmax", ["$p_1$", "$p_2$"], axes=left
    )
    p = d2l.linspace(0, 1, 101)
    entropies = d2l.entropy(d2l.stack([p, 1 - p], 1))
    d2l.plot(p, entropies, "$p_1$", "entropy in nats", axes=right)
    return figure


def run(d2l, options):
    """Print softmax, loss and information, and return the figure."""
    show_softmax(d2l)
    show_loss(d2l)
    show_information(d2l)
    return draw(d2l)


if __name__ == "__main__":
    Section(__doc__, run).main()
