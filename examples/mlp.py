"""A multilayer perceptron with high-level APIs (section 5.2.2)."""

from common import Example, image_data, num_pixels


def make_model(d2l, data, options):
    """Return the model with one hidden layer."""
    return d2l.MLP(
        num_outputs=len(data.classes),
        num_hiddens=options.num_hiddens,
        lr=options.lr,
        num_inputs=num_pixels(data),
    )


EXAMPLE = Example(
    __doc__,
    image_data,
    make_model,
    lr=0.1,
    epochs=10,
    batch_size=256,
    images=True,
    scheme="he",
    extra={"num_hiddens": 256},
)

if __name__ == "__main__":
    EXAMPLE.main()
