"""
Softmax without overflow: the log-sum-exp trick (section 4.5.2).

exp(1000) is infinite in float32 and in float64. By their definitions, softmax and its logarithm are
then NaN; subtracting the largest logit first avoids that.
"""

from common import Section, show


def naive_softmax(d2l, O):
    """Return `exp(O)` divided by its sums, the definition of softmax."""
    exps = d2l.exp(O)
    return exps / d2l.reduce_sum(exps, 1, keepdims=True)


def naive_loss(d2l, O, y):
    """Return the cross-entropy of the naive softmax."""
    return d2l.cross_entropy(naive_softmax(d2l, O), y, averaged=False)


def run(d2l, options):
    """Print every step for ordinary logits, large ones and small ones."""
    size = options.size
    for row in ([1.0, 0.0, -1.0], [size, 0.0, -size], [-size, -size, -size]):
        O = d2l.tensor([row])
        print()
        show("logits", O)
        show("exp", d2l.exp(O))
        show("softmax, naive", naive_softmax(d2l, O))
        show("softmax, d2l", d2l.softmax(O))
        for label in (0, 2):
            y = d2l.tensor([label])
            show(f"loss at label {label}, naive", naive_loss(d2l, O, y))
            # Here the probability is rounded to 0 before its logarithm is taken.
            show("  log of d2l.softmax", d2l.cross_entropy(d2l.softmax(O), y, averaged=False))
            show("  softmax_cross_entropy", d2l.softmax_cross_entropy(O, y, averaged=False))
        gradient = d2l.grad(lambda O, y: naive_loss(d2l, O, y).sum())
        show("gradient at label 2, naive", gradient(O, y))
        show("  softmax_cross_entropy", d2l.grad(d2l.softmax_cross_entropy)(O, y))


if __name__ == "__main__":
    Section(__doc__, run, draws=False, extra={"size": 1000.0}).main()
