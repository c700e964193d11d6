"""
The image data set: shapes, labels, and how long a pass over it takes (section 4.2).

The images stay in memory at their own size, so a pass only gathers minibatches and resizes them.
"""

from common import Section, image_data, show


def show_time(d2l, data):
    """Print the time of a pass over the training data, minibatch by minibatch."""
    data.train_dataloader().first()  # so that costs of the first use are not timed
    for passed in ("first", "second"):
        timer, examples = d2l.Timer(), 0
        for X, _ in data.train_dataloader():
            examples += len(X)
        d2l.numpy(X)  # JAX computes asynchronously: wait for the last minibatch
        print(f"{passed} pass over {examples} images: {timer.stop():.2f} sec")


def run(d2l, options):
    """Print sizes, a minibatch and the time of a pass, and return the figure of 8 images."""
    timer = d2l.Timer()
    data = image_data(d2l, options, resize=options.resize)
    print(f"reading: {timer.stop():.2f} sec")
    loaders = {"training": data.train_dataloader(), "validation": data.val_dataloader()}
    for name, loader in loaders.items():
        print(f"{name}: {len(loader.arrays[-1])} images, {len(loader)} minibatches")
    print("classes:", ", ".join(data.classes))
    X, y = next(iter(loaders["validation"]))
    kind = str(X.dtype).split(".")[-1]
    # Channels are first in PyTorch, last in JAX.
    print(
        "X:", kind, "shape:", tuple(X.shape), f"from {float(X.min()):.0f} to {float(X.max()):.0f}"
    )
    show("the mean of its pixels", d2l.reduce_mean(X))
    show("y", y[:8])
    print("text_labels(y):", ", ".join(data.text_labels(y[:8])))
    show_time(d2l, data)
    return data.visualize((X, y))[0].figure


if __name__ == "__main__":
    Section(__doc__, run, images=True, extra={"batch_size": 64, "resize": 32}).main()
