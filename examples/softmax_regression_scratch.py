"""Softmax regression implemented from scratch (section 4.4)."""

from common import Example, image_data, num_pixels


def make_model(d2l, data, options):
    """Return the model with one weight for each pixel and class."""
    return d2l.SoftmaxRegressionScratch(num_pixels(data), len(data.classes), lr=options.lr)


EXAMPLE = Example(__doc__, image_data, make_model, lr=0.1, epochs=10, batch_size=256, images=True)

if __name__ == "__main__":
    EXAMPLE.main()
