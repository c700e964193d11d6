"""A multilayer perceptron implemented from scratch (section 5.2.1)."""

from common import Example, image_data, num_pixels


def make_model(d2l, data, options):
    """Return the model with one hidden layer."""
    return d2l.MLPScratch(num_pixels(data), len(data.classes), options.num_hiddens, options.lr)


EXAMPLE = Example(
    __doc__,
    image_data,
    make_model,
    lr=0.1,
    epochs=10,
    batch_size=256,
    images=True,
    extra={"num_hiddens": 256},
)

if __name__ == "__main__":
    EXAMPLE.main()
