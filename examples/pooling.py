"""
Pooling: the largest number or the mean of each window, and why it helps (section 7.5).

The figure shows an image and its edges, pooled. Edges that move by a pixel change the pooled map
less than the map itself.
"""

import numpy as np
from common import Section, image_data, show

EDGES = [[1, 0, -1]] * 3


def tensor(d2l, array):
    """Return an array as a float32 tensor."""
    return d2l.tensor(np.asarray(array), dtype=d2l.float32)


def show_pooling(d2l):
    """Print both kinds of pooling, also at a stride, and of two channels."""
    X = tensor(d2l, np.arange(9.0).reshape(3, 3))
    show("max of 2 x 2", d2l.pool2d(X, (2, 2)))
    show("avg of 2 x 2", d2l.pool2d(X, (2, 2), "avg"))
    X = tensor(d2l, np.arange(16.0).reshape(4, 4))
    show("4 x 4, 2 x 2 at stride 2", d2l.pool2d(X, (2, 2))[::2, ::2])
    both = d2l.pool2d(d2l.stack([X, -X]), (3, 3))
    show("two channels, 3 x 3", d2l.reshape(both, (2, -1)))


def show_gradients(d2l):
    """Print the gradients of a window: to the largest number, or to all alike."""
    X = tensor(d2l, [[1, 4], [2, 3]])
    for mode in ("max", "avg"):
        gradient = d2l.grad(lambda X, mode=mode: d2l.reduce_sum(d2l.pool2d(X, (2, 2), mode)))(X)
        show(f"gradient of {mode}", gradient)


def show_shifts(d2l, edges):
    """Print how much of a map of edges changes when it moves by a pixel, pooled and not."""
    print("\nchange when the edges move by one column, relative to their size")
    before, after = edges[:, :-1], edges[:, 1:]
    for size in (1, 2, 3, 5):
        pooled = [d2l.pool2d(part, (size, size)) for part in (before, after)]
        change = d2l.reduce_sum(d2l.abs(pooled[0] - pooled[1]))
        print(f"max of {size} x {size}: {float(change / d2l.reduce_sum(pooled[0])):.3f}")


def draw(d2l, image, edges):
    """Return the figure of the image, its edges, and their pooled maps."""
    pictures = {
        "the image": image,
        "edges": edges,
        "max 2 x 2": d2l.pool2d(edges, (2, 2))[::2, ::2],
        "max 4 x 4": d2l.pool2d(edges, (4, 4))[::4, ::4],
        "avg 2 x 2": d2l.pool2d(edges, (2, 2), "avg")[::2, ::2],
        "avg 4 x 4": d2l.pool2d(edges, (4, 4), "avg")[::4, ::4],
    }
    titles = [f"{name}\n{X.shape[0]} x {X.shape[1]}" for name, X in pictures.items()]
    return d2l.show_images(list(pictures.values()), 1, 6, titles=titles)[0].figure


def run(d2l, options):
    """Print pooled numbers, gradients and changes, and return the figure."""
    show_pooling(d2l)
    print()
    show_gradients(d2l)
    options.batch_size = 1
    images, _ = image_data(d2l, options, resize=30).val_dataloader().first()
    image = d2l.reshape(images, (30, 30))
    edges = d2l.abs(d2l.corr2d(image, tensor(d2l, EDGES)))
    show_shifts(d2l, edges)
    return draw(d2l, image, edges)


if __name__ == "__main__":
    Section(__doc__, run, images=True).main()
