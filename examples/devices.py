# %% [markdown]
"""
# Devices, and the memory that training needs (section 6.7)

Tensors and models are made on a device and stay there. Parameters, gradients and the optimizer take
the same memory for any minibatch; results that the gradient needs grow with it.
"""

# %%
import frameworks
from common import set_weights, show, start

d2l, args = start(__doc__, backend="jax", draws=False)

# %% [markdown]
# ## Where tensors are
#
# `try_gpu(i)` is the CPU where there is no such GPU, so that the same code runs everywhere.

# %%
print(f"GPUs: {d2l.num_gpus()}; devices in use: {len(d2l.try_all_gpus())}")
print(f"without GPU 7, try_gpu(7) is the CPU: {d2l.try_gpu(7) == d2l.cpu()}")

# %% [markdown]
# What is created within `use_device` is on that device, and so are the results of computing with
# it.

# %%
for device in (d2l.cpu(), d2l.try_gpu()):
    with d2l.use_device(device):
        X = d2l.ones(2, 3)
        layer = frameworks.linear(d2l, 3, 1)
        set_weights(d2l, layer, args.seed, "he")
        Y = layer(X)
    print(f"on its device, X: {X.device == device}, and the outputs: {Y.device == device}")
    show("their values", d2l.to(Y, d2l.cpu()))

# %% [markdown]
# ## Memory
#
# Adam keeps two averages of each gradient, so it takes the memory of the weights four times.

# %%
WIDTH, DEPTH = 128, 16
shapes = {f"{i:02}.weight": (WIDTH, WIDTH) for i in range(DEPTH)}
weights = d2l.initial_weights(shapes, args.seed, "he").values()
params = [d2l.tensor(W, dtype=d2l.float32) for W in weights]
number = sum(d2l.size(W) for W in params)
print(f"\n{DEPTH} layers of {WIDTH}: {number:,} parameters, 4 bytes each")
print(f"weights, gradients, two averages of Adam: {4 * 4 * number / 2**20:.2f} MiB in all")

# %% [markdown]
# The outputs of all layers are kept for the gradient, so they grow with the minibatch.


# %%
def mean_square(params, X):
    """Return the mean square of a deep network's outputs."""
    for W in params:
        X = d2l.relu(d2l.matmul(X, W))
    return d2l.reduce_mean(X * X)


for n in (256, 1024, 4096):
    outputs = n * WIDTH * DEPTH * 4
    _, kept = d2l.memory_of_training(mean_square, params, d2l.ones(n, WIDTH))
    print(f"batch {n:4}: outputs of all layers {outputs / 2**20:5.2f} MiB in all")
    print(f"            kept for the gradient {kept / 2**20:5.2f} MiB")
