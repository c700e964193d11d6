"""
Dropout with high-level APIs (section 5.6.3).

The frameworks draw different masks, so the tables of epochs agree only roughly. Validation drops
nothing.
"""

from common import Example, image_data, num_pixels


def make_model(d2l, data, options):
    """Return the model with two hidden layers, and dropout after each."""
    return d2l.DropoutMLP(
        num_outputs=len(data.classes),
        num_hiddens_1=options.num_hiddens,
        num_hiddens_2=options.num_hiddens,
        dropout_1=options.dropout_1,
        dropout_2=options.dropout_2,
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
    extra={"num_hiddens": 256, "dropout_1": 0.5, "dropout_2": 0.5},
)

if __name__ == "__main__":
    EXAMPLE.main()
