# %% [markdown]
"""
# Probability and statistics: frequencies that converge, and Bayes' theorem (section 2.6)

Tosses of a fair coin, two variables with a joint table, and the test for a rare disease.
"""

# %%
import numpy as np
from common import save_figure, show, start

d2l, args = start(__doc__, backend="jax", tosses=10000)

# %% [markdown]
# ## Tosses
#
# The frequency of heads nears 1/2, by the law of large numbers. Its distance from 1/2 is of the
# size of `1 / sqrt(n)`: ten times the precision takes a hundred times the tosses.

# %%
tosses = np.random.default_rng(args.seed).random(args.tosses) < 0.5
heads = d2l.tensor(tosses, dtype=d2l.float32)
frequency = heads.cumsum(0) / d2l.arange(1, len(tosses) + 1, dtype=d2l.float32)
print("tosses  heads  frequency  1 / sqrt(n)")
n = 1
while n <= len(tosses):
    share = float(frequency[n - 1])
    print(f"{n:6}{int(tosses[:n].sum()):7}{share:11.4f}{n**-0.5:13.4f}")
    n *= 10

# %% [markdown]
# ## Two variables
#
# From the joint table follow the marginals, by sums, and the conditionals, by division; then the
# means, the variance and the covariance.

# %%
values = d2l.arange(3, dtype=d2l.float32)
joint = d2l.tensor([[0.2, 0.1, 0.0], [0.1, 0.2, 0.1], [0.0, 0.1, 0.2]])
P_A, P_B = d2l.reduce_sum(joint, 1), d2l.reduce_sum(joint, 0)
mean_A, mean_B = d2l.matmul(values, P_A), d2l.matmul(values, P_B)
deviations = d2l.expand_dims(values - mean_A, 1) * (values - mean_B)
print()
show("P(A, B), A in rows", joint)
show("P(A), summed over B", P_A)
show("P(B | A), rows sum to 1", joint / d2l.expand_dims(P_A, 1))
show("E[A], E[B]", d2l.stack([mean_A, mean_B]))
show("variance of A", d2l.reduce_sum(P_A * (values - mean_A) ** 2))
show("covariance of A and B", d2l.reduce_sum(joint * deviations))

# %% [markdown]
# ## Bayes' theorem
#
# Few are infected, so most positive tests are false, also those of a good test. A second,
# independent test changes the picture.

# %%
prior = d2l.tensor([0.0015, 0.9985])  # infected, healthy
first = d2l.tensor([1.0, 0.01])  # the probabilities of a positive test
second = d2l.tensor([0.98, 0.03])
print()
show("P(infected)", prior[0])
positive = prior * first
show("P(first test positive)", d2l.reduce_sum(positive))
show("P(infected | first positive)", positive[0] / d2l.reduce_sum(positive))
both = positive * second
show("P(infected | both positive)", both[0] / d2l.reduce_sum(both))

# %% [markdown]
# ## The frequencies of the tosses

# %%
n = np.arange(1, len(tosses) + 1)
curves = [d2l.numpy(frequency), 1 - d2l.numpy(frequency), np.full(len(n), 0.5)]
legend = ["heads", "tails", "probability"]
fmts = ("C0-", "C1-", "k:")
d2l.plot(n, curves, "tosses", "frequency", legend, xscale="log", fmts=fmts, figsize=(4.5, 3))
save_figure(args, d2l.plt.gcf())
