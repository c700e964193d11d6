"""Softmax regression with high-level APIs (section 4.5)."""

from common import Example, image_data, num_pixels


def make_model(d2l, data, options):
    """Return the model with one weight for each pixel and class."""
    return d2l.SoftmaxRegression(
        num_outputs=len(data.classes), lr=options.lr, num_inputs=num_pixels(data)
    )


EXAMPLE = Example(__doc__, image_data, make_model, lr=0.1, epochs=10, batch_size=256, images=True)

if __name__ == "__main__":
    EXAMPLE.main()
