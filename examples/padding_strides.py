# %% [markdown]
"""
# Padding and stride: shapes, and the receptive field of a stack of layers (section 7.3)

The figure shows how much each input pixel counts for one output pixel, layer by layer.
"""

# %%
import numpy as np
from common import save_figure, show, start

d2l, args = start(__doc__, backend="jax")

# %% [markdown]
# ## A convolution with padding and stride
#
# Padding adds rows and columns of zeros around the image, so that the result does not shrink. A
# stride takes every second or third window only.


# %%
def pad(X, rows, columns):
    """Return an image with rows of zeros above and below, and columns left and right."""
    h, w = X.shape
    X = d2l.concat([d2l.zeros(rows, w), X, d2l.zeros(rows, w)], 0)
    edge = d2l.zeros(h + 2 * rows, columns)
    return d2l.concat([edge, X, edge], 1)


def convolve(X, K, padding=(0, 0), stride=(1, 1)):
    """Return the cross-correlation of a padded image, at every `stride`-th row and column."""
    Y = d2l.corr2d(pad(X, *padding), K)
    return Y[:: stride[0], :: stride[1]]


# %% [markdown]
# ## Shapes
#
# Of `n` pixels, a kernel of `k`, a padding of `p` at both sides and a stride of `s` make
# `(n + 2 p - k + s) // s`.

# %%
print("image 8 x 8: kernel, padding, stride, shape, shape by the formula")
X = d2l.ones(8, 8)
for kernel, padding, stride in (
    ((3, 3), (0, 0), (1, 1)),
    ((3, 3), (1, 1), (1, 1)),
    ((5, 3), (2, 1), (1, 1)),
    ((3, 3), (1, 1), (2, 2)),
    ((3, 5), (0, 1), (3, 4)),
):
    Y = convolve(X, d2l.ones(*kernel), padding, stride)
    sizes = zip((8, 8), kernel, padding, stride, strict=True)
    formula = tuple((n + 2 * p - k + s) // s for n, k, p, s in sizes)
    print(kernel, padding, stride, tuple(Y.shape), formula)

# %% [markdown]
# At the border a window holds fewer pixels of the image, and zeros for the others.

# %%
print()
show("pixels in windows of 3 x 3", convolve(d2l.ones(4, 4), d2l.ones(3, 3), (1, 1)))

# %% [markdown]
# ## Receptive fields
#
# The gradient of one output pixel by the image shows which input pixels it depends on. Each layer
# of 3 x 3 adds a pixel at each side; with a stride, or a dilation that doubles, it is more each
# time.

# %%
SIZE, LAYERS = 17, 3
# The stride of each layer, and the factor by which the dilation grows.
WAYS = {"stride 1": (1, 1), "stride 2": (2, 1), "dilation 1, 2, 4": (1, 2)}


def dilated(dilation):
    """Return a kernel of 3 x 3 means whose entries are `dilation` pixels apart."""
    K = np.zeros((2 * dilation + 1, 2 * dilation + 1))
    K[::dilation, ::dilation] = 1 / 9
    return d2l.tensor(K, dtype=d2l.float32)


def receptive_fields(stride, growth):
    """Return the gradients of a middle output pixel by the image, after each layer."""
    fields = []
    for depth in range(1, LAYERS + 1):

        def middle(X, depth=depth):
            for layer in range(depth):
                dilation = growth**layer
                X = convolve(X, dilated(dilation), (dilation, dilation), (stride, stride))
            return X[X.shape[0] // 2, X.shape[1] // 2]

        fields.append(d2l.numpy(d2l.grad(middle)(d2l.ones(SIZE, SIZE))))
    return fields


def width(field):
    """Return the number of columns between the first and the last pixel that counts, included."""
    columns = np.flatnonzero(field.any(axis=0))
    return int(columns[-1] - columns[0] + 1)


print("\nwidth of the receptive field after 1, 2 and 3 layers of 3 x 3")
fields = {name: receptive_fields(*way) for name, way in WAYS.items()}
for name, of_way in fields.items():
    print(f"{name:17}", *(f"{width(field):3}" for field in of_way))

# %%
size = (2.1 * LAYERS, 2.3 * len(WAYS))
figure, axes = d2l.plt.subplots(len(WAYS), LAYERS, figsize=size, layout="constrained")
for row, (name, of_way) in zip(axes, fields.items(), strict=True):
    row[0].set_ylabel(name)
    for depth, (ax, field) in enumerate(zip(row, of_way, strict=True), start=1):
        ax.imshow(np.where(field > 0, field, np.nan), cmap="viridis", vmin=0)
        ax.set_title(f"{depth} layer{'s' * (depth > 1)}: {width(field)} wide", fontsize="small")
        ax.set(xticks=[], yticks=[])
figure.suptitle("what one output pixel depends on, in layers of 3 x 3")
save_figure(args, figure)
