"""LeNet, a convolutional network (section 7.6)."""

from functools import partial

from common import Example, image_data, summarize


def make_model(d2l, data, options):
    """Return the model; it learns the shape of the images from the first minibatch."""
    return d2l.LeNet(options.lr, num_classes=len(data.classes))


EXAMPLE = Example(
    __doc__,
    partial(image_data, resize=(28, 28)),
    make_model,
    lr=0.5,
    epochs=10,
    batch_size=64,
    images=True,
    scheme="xavier",
    report=summarize,
)

if __name__ == "__main__":
    EXAMPLE.main()
