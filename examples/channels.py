# %% [markdown]
"""
# Channels: sums over them, several kernels, 1 x 1 kernels, and what each costs (section 7.4)

The figure shows a picture of three channels, and the channels that kernels make of it.
"""

# %%
import numpy as np
from common import save_figure, show, start

d2l, args = start(__doc__, backend="jax")


def tensor(array):
    """Return an array as a float32 tensor."""
    return d2l.tensor(np.asarray(array), dtype=d2l.float32)


# %% [markdown]
# ## Several inputs, several outputs
#
# A kernel has a slice for each input channel, and sums over them. Each output channel has a kernel
# of its own.

# %%
X, K = np.arange(9.0).reshape(3, 3), np.arange(4.0).reshape(2, 2)
X, K = tensor(np.stack([X, X + 1])), tensor(np.stack([K, K + 1]))
show("two channels, one kernel", d2l.corr2d_multi_in(X, K))
kernels = d2l.stack([K, K + 1, K + 2])
Y = d2l.corr2d_multi_in_out(X, kernels)
print("K:", tuple(kernels.shape), "X:", tuple(X.shape), "Y:", tuple(Y.shape))
show("the last channel", Y[2])

# %% [markdown]
# ## Kernels of 1 x 1
#
# They mix the channels of each pixel alone: a matrix product.

# %%
rng = np.random.default_rng(args.seed)
X, K = tensor(rng.normal(size=(3, 4, 4))), tensor(rng.normal(size=(2, 3, 1, 1)))
gap = d2l.corr2d_multi_in_out(X, K) - d2l.corr2d_multi_in_out_1x1(X, K)
print("\n1 x 1, equal to 1e-5:", float(d2l.abs(gap).max()) < 1e-5)

# %% [markdown]
# ## Costs
#
# Groups of channels that do not mix cost less. A depthwise convolution mixes none; a 1 x 1
# convolution after it mixes them, for 12 % of the weights.

# %%
c_in, c_out, kernel, size = 128, 128, 3, 32
print(f"\n{c_in} to {c_out} channels, {kernel} x {kernel}, {size} x {size} pixels")
print(f"{'':24}{'weights':>10}{'multiplications':>18}")
for name, weights in {
    "dense": c_in * c_out * kernel**2,
    "4 groups": c_in * c_out * kernel**2 // 4,
    "depthwise": c_in * kernel**2,
    "depthwise, then 1 x 1": c_in * kernel**2 + c_in * c_out,
}.items():
    print(f"{name:24}{weights:10,}{weights * size**2:18,}")

# %% [markdown]
# ## Feature maps
#
# Three overlapping discs, red, green and blue, and channels made of them.


# %%
def picture(size=48):
    """Return a picture of three overlapping discs, red, green and blue: `(3, size, size)`."""
    y, x = np.mgrid[:size, :size] / size
    angles = np.pi / 2 + 2 * np.pi * np.arange(3) / 3
    centers = zip(0.5 + 0.18 * np.cos(angles), 0.5 - 0.18 * np.sin(angles), strict=True)
    return np.stack([(x - a) ** 2 + (y - b) ** 2 < 0.28**2 for a, b in centers]).astype(float)


MIXES = {
    "red minus green": [1, -1, 0],
    "gray": [1 / 3, 1 / 3, 1 / 3],
    "blue alone": [0, 0, 1],
}
X = tensor(picture())
mixed = d2l.corr2d_multi_in_out_1x1(X, tensor(list(MIXES.values()))[..., None, None])
maps = dict(zip(MIXES, mixed, strict=True))
edges = np.zeros((1, 3, 3, 3))
edges[0, 0] = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
maps["edges of red"] = d2l.corr2d_multi_in_out(X, tensor(edges))[0]

# %%
figure, axes = d2l.plt.subplots(1, len(maps) + 1, figsize=(9, 2.2), layout="constrained")
axes[0].imshow(np.moveaxis(d2l.numpy(X), 0, -1))
axes[0].set_title("3 channels")
for ax, (name, Y) in zip(axes[1:], maps.items(), strict=True):
    limit = float(d2l.abs(Y).max())
    ax.imshow(d2l.numpy(Y), cmap="PuOr", vmin=-limit, vmax=limit)
    ax.set_title(name)
for ax in axes:
    ax.set(xticks=[], yticks=[])
figure.supxlabel("of the mixtures, orange is negative, white 0, purple positive", fontsize="small")
save_figure(args, figure)
