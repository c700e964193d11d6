# %% [markdown]
"""
# Pooling: the largest number or the mean of each window, and why it helps (section 7.5)

The figure shows an image and its edges, pooled. Edges that move by a pixel change the pooled map
less than the map itself.
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
# ## Both kinds
#
# At a stride of the window's size the result has half the height and width. Each channel is pooled
# by itself.

# %%
X = tensor(np.arange(9.0).reshape(3, 3))
show("max of 2 x 2", d2l.pool2d(X, (2, 2)))
show("avg of 2 x 2", d2l.pool2d(X, (2, 2), "avg"))
X = tensor(np.arange(16.0).reshape(4, 4))
show("4 x 4, 2 x 2 at stride 2", d2l.pool2d(X, (2, 2))[::2, ::2])
both = d2l.pool2d(d2l.stack([X, -X]), (3, 3))
show("two channels, 3 x 3", d2l.reshape(both, (2, -1)))

# %% [markdown]
# ## Gradients
#
# Of a maximum the gradient goes to the largest number alone, of a mean to all alike.

# %%
X = tensor([[1, 4], [2, 3]])
print()
for mode in ("max", "avg"):
    gradient = d2l.grad(lambda X, mode=mode: d2l.reduce_sum(d2l.pool2d(X, (2, 2), mode)))(X)
    show(f"gradient of {mode}", gradient)

# %% [markdown]
# ## Edges that move
#
# The change of a map of edges, relative to their size, when they move by one column: the larger the
# window, the smaller the change.

# %%
images, _ = image_data(d2l, args, resize=30).val_dataloader().first()
image = d2l.reshape(images, (30, 30))
edges = d2l.abs(d2l.corr2d(image, tensor([[1, 0, -1]] * 3)))
print("\nchange when the edges move by one column, relative to their size")
before, after = edges[:, :-1], edges[:, 1:]
for size in (1, 2, 3, 5):
    pooled = [d2l.pool2d(part, (size, size)) for part in (before, after)]
    change = d2l.reduce_sum(d2l.abs(pooled[0] - pooled[1]))
    print(f"max of {size} x {size}: {float(change / d2l.reduce_sum(pooled[0])):.3f}")

# %%
pictures = {
    "the image": image,
    "edges": edges,
    "max 2 x 2": d2l.pool2d(edges, (2, 2))[::2, ::2],
    "max 4 x 4": d2l.pool2d(edges, (4, 4))[::4, ::4],
    "avg 2 x 2": d2l.pool2d(edges, (2, 2), "avg")[::2, ::2],
    "avg 4 x 4": d2l.pool2d(edges, (4, 4), "avg")[::4, ::4],
}
titles = [f"{name}\n{X.shape[0]} x {X.shape[1]}" for name, X in pictures.items()]
save_figure(args, d2l.show_images(list(pictures.values()), 1, 6, titles=titles)[0].figure)
