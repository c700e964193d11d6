# %% [markdown]
"""
# Backpropagation by hand, against automatic differentiation (section 5.3)

Then its memory: training keeps every layer's outputs for the backward pass, prediction does not.
JAX reports the memory that the compiled program reserves, PyTorch that of autograd's saved tensors.
"""

# %%
import numpy as np
from common import save_figure, show, start

d2l, args = start(__doc__, backend="jax", lambd=0.1)

# %% [markdown]
# ## A small problem
#
# 4 inputs, 3 hidden units, 2 outputs, 5 examples.

# %%
rng = np.random.default_rng(args.seed)
W1, W2, X, y = (
    d2l.tensor(rng.standard_normal(shape), dtype=d2l.float32)
    for shape in ((4, 3), (3, 2), (5, 4), (5, 2))
)
params = {"W1": W1, "W2": W2}

# %% [markdown]
# ## Both passes
#
# The forward pass keeps its intermediate results. The backward pass goes through them in reverse
# order and applies the chain rule.

# %%
objective, intermediates = d2l.forward_propagation(params, X, y, args.lambd)
by_hand = d2l.backpropagation(params, X, y, intermediates, args.lambd)
automatic = d2l.grad(lambda p: d2l.forward_propagation(p, X, y, args.lambd)[0])(params)
show("objective", objective)
for name in params:
    gap = np.abs(d2l.numpy(by_hand[name]) - d2l.numpy(automatic[name])).max()
    print()
    show(f"gradient of {name}, by hand", by_hand[name])
    show(f"gradient of {name}, d2l.grad", automatic[name])
    print(f"equal to 1e-6: {gap < 1e-6}")

# %%
stepped, _ = d2l.forward_propagation(d2l.sgd(params, by_hand, lr=0.1), X, y, args.lambd)
print()
show("objective after a step of SGD", stepped)

# %% [markdown]
# ## Memory
#
# Networks of more and more layers: the memory of prediction stays, that of training grows with the
# depth.

# %%
DEPTHS = [1, 2, 4, 8, 16]
WIDTH, BATCH_SIZE = 256, 512


def output(weights, X):
    """Return the mean output of a deep network."""
    for W in weights:
        X = d2l.tanh(d2l.matmul(X, W))
    return d2l.reduce_mean(X)


print(f"\nMiB of intermediate results, {BATCH_SIZE} examples, layers of {WIDTH} units")
print("layers  prediction  training")
X = d2l.ones((BATCH_SIZE, WIDTH))
rows = []
for depth in DEPTHS:
    weights = [d2l.ones((WIDTH, WIDTH)) / WIDTH] * depth
    rows.append([size / 2**20 for size in d2l.memory_of_training(output, weights, X)])
    print(f"{depth:6}  {rows[-1][0]:10.2f}  {rows[-1][1]:8.2f} MiB")

# %%
d2l.plot(
    DEPTHS,
    np.array(rows).T,
    "layers",
    "intermediate results, MiB",
    legend=["prediction", "training"],
)
d2l.plt.xticks(DEPTHS)
save_figure(args, d2l.plt.gcf())
