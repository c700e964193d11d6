# %% [markdown]
"""
# Softmax, and the basics of information theory (section 4.1)

Softmax turns scores, the logits, into probabilities. The cross-entropy is the loss that fits it:
the surprise at the label, given these probabilities.
"""

# %%
from common import save_figure, show, start

d2l, args = start(__doc__, backend="jax")

# %% [markdown]
# ## Softmax
#
# Probabilities are positive and sum to 1. A number that is added to all logits changes nothing;
# larger logits make the distribution sharper.

# %%
O = d2l.tensor([[1.0, 2.0, 3.0], [101.0, 102.0, 103.0], [0.0, 0.0, 0.0]])
Y_hat = d2l.softmax(O)
show("logits", O)
show("softmax", Y_hat)
show("sums of rows", d2l.reduce_sum(Y_hat, 1))
show("softmax of 10 times the logits", d2l.softmax(10 * O))

# %% [markdown]
# ## Cross-entropy
#
# Its gradient with respect to the logits is simple: the probabilities minus the one-hot label.

# %%
logits, y = d2l.tensor([[1.0, 2.0, 3.0]]), d2l.tensor([0])
show("\nloss at label 0", d2l.cross_entropy(d2l.softmax(logits), y))
show("gradient by the logits", d2l.grad(d2l.softmax_cross_entropy)(logits, y))
show("softmax - one-hot", d2l.softmax(logits) - d2l.eye(3)[0])

# %% [markdown]
# ## Information
#
# The entropy of a distribution is the mean surprise, in nats: 0 if the outcome is certain, largest
# if all outcomes are alike. Who expects `q` where `p` is true pays the cross-entropy, and the
# Kullback-Leibler divergence is the part that is paid in vain.

# %%
P = {
    "certain": d2l.tensor([1.0, 0.0, 0.0, 0.0]),
    "skewed": d2l.tensor([0.7, 0.1, 0.1, 0.1]),
    "uniform": d2l.tensor([0.25, 0.25, 0.25, 0.25]),
}
print()
for name, p in P.items():
    show(f"entropy, {name}", d2l.entropy(p))
p, q = P["skewed"], P["uniform"]
show("cross-entropy of skewed, uniform", -d2l.reduce_sum(p * d2l.log(q)))
show("KL of skewed, uniform", d2l.kl_divergence(p, q))
show("KL of uniform, skewed", d2l.kl_divergence(q, p))
show("entropy + KL", d2l.entropy(p) + d2l.kl_divergence(p, q))

# %% [markdown]
# ## Two classes
#
# The probabilities depend on the difference of the logits alone; the outcome is least certain where
# they are equal.

# %%
figure, (left, right) = d2l.plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
o = d2l.linspace(-6, 6, 121)
probabilities = d2l.transpose(d2l.softmax(d2l.stack([o, d2l.zeros_like(o)], 1)))
d2l.plot(o, probabilities, "$o_1 - o_2$", "softmax", ["$p_1$", "$p_2$"], axes=left)
p = d2l.linspace(0, 1, 101)
entropies = d2l.entropy(d2l.stack([p, 1 - p], 1))
d2l.plot(p, entropies, "$p_1$", "entropy in nats", axes=right)
save_figure(args, figure)
