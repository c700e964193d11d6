# %% [markdown]
"""
# Vectorization for speed, and the normal distribution (section 3.1)

A loop in Python over the entries of a vector takes thousands of times as long as one operation on
the whole vector. And squared errors come from noise that is normally distributed.
"""

# %%
from common import save_figure, show, start

d2l, args = start(__doc__, backend="jax", n=10000)

# %% [markdown]
# ## Entry by entry, and at once
#
# JAX computes asynchronously, so a timing waits for the result. Its first call compiles, and is
# left out.

# %%
a, b = d2l.ones(args.n), d2l.ones(args.n)
timer = d2l.Timer()
c = d2l.zeros(args.n)
for i in range(args.n):
    c = d2l.index_update(c, i, a[i] + b[i])
d2l.numpy(c)
print(f"{args.n} additions in a loop:  {timer.stop():.5f} sec")

# %%
d2l.numpy(a + b)
timer.start()
d = a + b
d2l.numpy(d)
print(f"one addition of vectors: {timer.stop():.5f} sec")
print(f"speedup:                 {timer.times[0] / timer.times[1]:.0f}")
print(f"equal:                   {bool((c == d).all())}")

# %% [markdown]
# ## The normal distribution
#
# The mean moves the density, the standard deviation widens it; the area below stays 1.

# %%
few = d2l.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
params = [(0, 1), (0, 2), (3, 1)]
print()
show("x", few)
for mean, std in params:
    show(f"density, mean {mean}, std {std}", d2l.normal_density(few, mean, std))

# %% [markdown]
# The squared loss is the negative logarithm of this density, up to a constant: to minimize it is to
# maximize the likelihood.

# %%
y, y_hat = d2l.tensor([3.0, 0.5]), d2l.tensor([1.0, 0.0])
show("-log density(y - y_hat)", -d2l.log(d2l.normal_density(y - y_hat, 0, 1)))
show("squared loss + log sqrt(2 pi)", d2l.squared_loss(y_hat, y) + 0.91894)

# %%
x = d2l.linspace(-7, 7, 1401)
show("area under a density", d2l.reduce_sum(d2l.normal_density(x, 0, 1)) * 0.01)
densities = [d2l.normal_density(x, mean, std) for mean, std in params]
legend = [f"mean {mean}, std {std}" for mean, std in params]
d2l.plot(x, densities, "x", "p(x)", legend, figsize=(4.5, 2.5))
save_figure(args, d2l.plt.gcf())
