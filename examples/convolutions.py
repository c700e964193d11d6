"""
Convolutions for images: edges found by a kernel, and a kernel learned (section 7.2).

The figure shows some kernels and, below each, what it makes of an image.
"""

import numpy as np
from common import Section, image_data, show

KERNELS = {
    "edges in x": [[1, 0, -1]] * 3,
    "edges in y": [[1, 1, 1], [0, 0, 0], [-1, -1, -1]],
    "blur": np.full((3, 3), 1 / 9),
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "outline": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
}


def tensor(d2l, array):
    """Return an array as a float32 tensor."""
    return d2l.tensor(np.asarray(array), dtype=d2l.float32)


def find_edges(d2l):
    """Print where a kernel of two entries finds edges, and return the image and the result."""
    bar = np.ones((6, 8))
    bar[:, 2:6] = 0
    X, K = tensor(d2l, bar), tensor(d2l, [[1, -1]])
    Y = d2l.corr2d(X, K)
    show("a row of the image", X[0])
    show("its edges", Y[0])
    found = d2l.corr2d(d2l.transpose(X), K)
    print("edges in the image on its side:", int(d2l.reduce_sum(d2l.abs(found))))
    return X, Y


def learn_kernel(d2l, X, Y, seed):
    """Learn from the image and its edges the kernel that leads from one to the other."""
    K = tensor(d2l, np.random.default_rng(seed).normal(0, 0.01, (1, 2)))

    def loss(K):
        return d2l.reduce_sum((d2l.corr2d(X, K) - Y) ** 2)

    for step in range(10):
        value, gradient = d2l.value_and_grad(loss)(K)
        K = d2l.sgd(K, gradient, lr=0.03)
        if step % 2:
            show(f"loss before step {step + 1}", value)
    show("the kernel learned", K)


def correlate_by_product(d2l, X):
    """Compare cross-correlation to a matrix product of all windows, a row each."""
    K = tensor(d2l, [[0, 1], [2, 3]])
    h, w = X.shape[0] - 1, X.shape[1] - 1
    windows = d2l.stack(
        [d2l.reshape(X[i : i + 2, j : j + 2], (-1,)) for i in range(h) for j in range(w)]
    )
    Y = d2l.reshape(d2l.matmul(windows, d2l.reshape(K, (-1, 1))), (h, w))
    gap = d2l.reduce_sum(d2l.abs(Y - d2l.corr2d(X, K)))
    show("a matrix product, less corr2d", gap)


def draw(d2l, image):
    """Return the figure of the kernels and of their feature maps."""
    figure, axes = d2l.plt.subplots(2, 6, figsize=(9, 3.4), layout="constrained")
    axes[0, 0].axis("off")
    axes[1, 0].imshow(d2l.numpy(image), cmap="gray")
    axes[1, 0].set_title("the image")
    for column, (name, kernel) in enumerate(KERNELS.items(), start=1):
        Y = d2l.numpy(d2l.corr2d(image, tensor(d2l, kernel)))
        for row, picture, limit in ((0, kernel, np.abs(kernel).max()), (1, Y, np.abs(Y).max())):
            axes[row, column].imshow(picture, cmap="RdBu", vmin=-limit, vmax=limit)
        axes[0, column].set_title(name)
    for ax in axes.flat:
        ax.set_xticks([])
        ax.set_yticks([])
    figure.supxlabel("red is negative, white 0, blue positive", fontsize="small")
    return figure


def run(d2l, options):
    """Find edges, learn their kernel, and return the figure."""
    X, Y = find_edges(d2l)
    print()
    learn_kernel(d2l, X, Y, options.seed)
    print()
    correlate_by_product(d2l, X)
    options.batch_size = 1
    images, _ = image_data(d2l, options, resize=28).val_dataloader().first()
    return draw(d2l, d2l.reshape(images, (28, 28)))


if __name__ == "__main__":
    Section(__doc__, run, images=True).main()
