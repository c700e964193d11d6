# %% [markdown]
"""
# Numbers of 32 and of 16 bits, and training with both (section 5.5 of 2026)

bfloat16 has the range of float32 and 3 digits. Matrices are multiplied in it, while weights, whose
updates would be lost in it, and the loss are float32. The figure shows both losses.
"""

# %%
import frameworks
import numpy as np
from common import save_figure, set_weights, start

d2l, args = start(__doc__, backend="jax", epochs=5)

# %% [markdown]
# ## Three formats
#
# float16 has more digits than bfloat16 and a smaller range: 300 squared overflows, and 1e-8 is 0.

# %%
print(f"{'':9}{'largest':>11}{'smallest':>11}{'spacing':>11}", end="")
print(f"{'300 * 300':>11}{'1 + 0.001':>11}{'1e-8':>11}")
for name in ("float32", "bfloat16", "float16"):
    dtype = frameworks.dtype(d2l, name)
    big, one, small = (d2l.astype(d2l.tensor(x), dtype) for x in (300.0, 1.0, 1e-8))
    step = d2l.astype(d2l.tensor(0.001), dtype)
    numbers = (*frameworks.limits(d2l, name), *map(float, (big * big, one + step, small)))
    print(f"{name:9}" + "".join(f"{number:11.4g}" for number in numbers))

# %% [markdown]
# ## What fails, and the way around it
#
# Exponentials overflow, unless the largest number is subtracted first.

# %%
half = frameworks.dtype(d2l, "float16")
x = d2l.tensor([12.0, 11.0, 10.0])
naive = d2l.log(d2l.reduce_sum(d2l.exp(d2l.astype(x, half))))
stable = 12 + d2l.log(d2l.reduce_sum(d2l.exp(d2l.astype(x - 12, half))))
print(f"\nlog of a sum of exps in float16: {float(naive)}, stable {float(stable):.2f}")

# %% [markdown]
# The loss of a sure prediction is lost in the digits that bfloat16 does not have, and so is a small
# step of a weight. The loss and the weights must stay float32.

# %%
logits, y = d2l.tensor([[6.0, 0.0, -1.0]]), d2l.tensor([0])
for name in ("float32", "bfloat16"):
    dtype = frameworks.dtype(d2l, name)
    loss = d2l.softmax_cross_entropy(d2l.astype(logits, dtype), y)
    print(f"cross-entropy of a sure prediction in {name:8}: {float(loss) + 0.0:.4f}")

# %%
for name in ("float32", "bfloat16"):
    w = d2l.astype(d2l.tensor([1.0]), frameworks.dtype(d2l, name))
    for _ in range(100):
        w = d2l.sgd(w, -d2l.ones_like(w), lr=0.001)
    print(f"a weight of 1 after 100 steps of 0.001 in {name:8}: {float(w[0]):.4f}")

# %% [markdown]
# ## Training with products in bfloat16
#
# The forward pass multiplies in it; its result is float32 before the loss.


# %%
def train(name):
    """Train a perceptron with products of a type; return the losses of its steps."""

    class MixedMLP(d2l.MLP):
        def forward(self, X):
            with frameworks.autocast(d2l, name):
                return d2l.astype(super().forward(X), d2l.float32)

    model = MixedMLP(num_outputs=10, num_hiddens=64, lr=0.1, num_inputs=64)
    frameworks.set_compute_dtype(d2l, model, name)
    set_weights(d2l, model, args.seed, "he")
    data = d2l.Digits(batch_size=64, seed=args.seed)
    history = d2l.Trainer(args.epochs).fit(model, data)
    loss, accuracy = history.train_loss[-1], history.val_acc[-1]
    print(f"products in {name:8}: training loss {loss:.2f}, accuracy {accuracy:.2f}")
    return np.asarray(history.train_loss, float)


print()
single, mixed = train("float32"), train("bfloat16")

# %% [markdown]
# The losses are no further apart than one rounding of a number to bfloat16, relative to it.

# %%
ROUNDING = 2**-8
gap = np.abs(single - mixed) / (single + np.log(10))
print(f"losses are within one rounding of bfloat16: {bool(gap.max() < ROUNDING)}")

# %%
figure, (left, right) = d2l.plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
steps = range(1, len(single) + 1)
d2l.plot(steps, [single, mixed], "step", "loss", legend=["float32", "bfloat16"], axes=left)
limit = np.full(len(single), ROUNDING)
legend = ["gap of the losses", "one rounding of bfloat16"]
d2l.plot(
    steps, [gap, limit], "step", "gap / size of the loss", yscale="log", legend=legend, axes=right
)
save_figure(args, figure)
