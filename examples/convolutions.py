# %% [markdown]
"""
# Convolutions for images: edges found by a kernel, and a kernel learned (section 7.2)

The figure shows some kernels and, below each, what it makes of an image.
"""

# %%
import numpy as np
from common import image_data, save_figure, show, start

d2l, args = start(__doc__, backend="jax", images=True)
args.batch_size = 1


def tensor(array):
    """Return an array as a float32 tensor."""
    return d2l.tensor(np.asarray(array), dtype=d2l.float32)


# %% [markdown]
# ## Edges
#
# The kernel `[1, -1]` subtracts from each pixel its neighbour on the right. Where they are equal
# the result is 0; at an edge it is not. Edges of the other direction stay hidden from it.

# %%
bar = np.ones((6, 8))
bar[:, 2:6] = 0
X, K = tensor(bar), tensor([[1, -1]])
Y = d2l.corr2d(X, K)
show("a row of the image", X[0])
show("its edges", Y[0])
found = d2l.corr2d(d2l.transpose(X), K)
print("edges in the image on its side:", int(d2l.reduce_sum(d2l.abs(found))))

# %% [markdown]
# ## A kernel that is learned
#
# From the image and its edges, gradient descent finds the kernel that leads from one to the other.

# %%
K = tensor(np.random.default_rng(args.seed).normal(0, 0.01, (1, 2)))


def loss(K):
    """Return the sum of the squared errors of a kernel."""
    return d2l.reduce_sum((d2l.corr2d(X, K) - Y) ** 2)


print()
for step in range(10):
    value, gradient = d2l.value_and_grad(loss)(K)
    K = d2l.sgd(K, gradient, lr=0.03)
    if step % 2:
        show(f"loss before step {step + 1}", value)
show("the kernel learned", K)

# %% [markdown]
# ## As a matrix product
#
# All windows of the image, a row each, times the kernel as a column.

# %%
K = tensor([[0, 1], [2, 3]])
h, w = X.shape[0] - 1, X.shape[1] - 1
windows = [d2l.reshape(X[i : i + 2, j : j + 2], (-1,)) for i in range(h) for j in range(w)]
product = d2l.matmul(d2l.stack(windows), d2l.reshape(K, (-1, 1)))
gap = d2l.reduce_sum(d2l.abs(d2l.reshape(product, (h, w)) - d2l.corr2d(X, K)))
print()
show("a matrix product, less corr2d", gap)

# %% [markdown]
# ## Feature maps of an image

# %%
KERNELS = {
    "edges in x": [[1, 0, -1]] * 3,
    "edges in y": [[1, 1, 1], [0, 0, 0], [-1, -1, -1]],
    "blur": np.full((3, 3), 1 / 9),
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "outline": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
}
images, _ = image_data(d2l, args, resize=28).val_dataloader().first()
image = d2l.reshape(images, (28, 28))
figure, axes = d2l.plt.subplots(2, 6, figsize=(9, 3.4), layout="constrained")
axes[0, 0].axis("off")
axes[1, 0].imshow(d2l.numpy(image), cmap="gray")
axes[1, 0].set_title("the image")
for column, (name, kernel) in enumerate(KERNELS.items(), start=1):
    Y = d2l.numpy(d2l.corr2d(image, tensor(kernel)))
    for row, picture, limit in ((0, kernel, np.abs(kernel).max()), (1, Y, np.abs(Y).max())):
        axes[row, column].imshow(picture, cmap="RdBu", vmin=-limit, vmax=limit)
    axes[0, column].set_title(name)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
figure.supxlabel("red is negative, white 0, blue positive", fontsize="small")
save_figure(args, figure)
