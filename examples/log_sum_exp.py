# %% [markdown]
"""
# Softmax without overflow: the log-sum-exp trick (section 4.5.2)

exp(1000) is infinite in float32 and in float64. By their definitions, softmax and its logarithm are
then NaN; subtracting the largest logit first avoids that.
"""

# %%
from common import show, start

d2l, args = start(__doc__, backend="jax", draws=False, size=1000.0)

# %% [markdown]
# ## By the definition


# %%
def naive_softmax(O):
    """Return `exp(O)` divided by its sums, the definition of softmax."""
    exps = d2l.exp(O)
    return exps / d2l.reduce_sum(exps, 1, keepdims=True)


def naive_loss(O, y):
    """Return the cross-entropy of the naive softmax."""
    return d2l.cross_entropy(naive_softmax(O), y, averaged=False)


# %% [markdown]
# ## Three ways to the loss
#
# The naive way; `d2l.softmax`, which subtracts the largest logit, and its logarithm; and
# `d2l.softmax_cross_entropy`, which computes both in one step. Only the last one is right for all
# logits: where a probability is rounded to 0, its logarithm is lost.


# %%
def compare(row):
    """Print every step for a row of logits."""
    O = d2l.tensor([row])
    print()
    show("logits", O)
    show("exp", d2l.exp(O))
    show("softmax, naive", naive_softmax(O))
    show("softmax, d2l", d2l.softmax(O))
    for label in (0, 2):
        y = d2l.tensor([label])
        show(f"loss at label {label}, naive", naive_loss(O, y))
        show("  log of d2l.softmax", d2l.cross_entropy(d2l.softmax(O), y, averaged=False))
        show("  softmax_cross_entropy", d2l.softmax_cross_entropy(O, y, averaged=False))
    gradient = d2l.grad(lambda O, y: naive_loss(O, y).sum())
    show("gradient at label 2, naive", gradient(O, y))
    show("  softmax_cross_entropy", d2l.grad(d2l.softmax_cross_entropy)(O, y))


compare([1.0, 0.0, -1.0])

# %% [markdown]
# Large logits overflow.

# %%
compare([args.size, 0.0, -args.size])

# %% [markdown]
# Small ones underflow: all exponentials are 0.

# %%
compare([-args.size, -args.size, -args.size])
