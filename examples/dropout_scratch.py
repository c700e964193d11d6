"""
Dropout implemented from scratch (section 5.6.2).

The layer alone, with a given mask, prints the same on both backends. In training the frameworks
draw different masks, so the tables of epochs agree only roughly.
"""

import numpy as np
from common import Example, image_data, num_pixels, show


def make_model(d2l, data, options):
    """Return the model with two hidden layers, and dropout after each."""
    return d2l.DropoutMLPScratch(
        num_outputs=len(data.classes),
        num_hiddens_1=options.num_hiddens,
        num_hiddens_2=options.num_hiddens,
        dropout_1=options.dropout_1,
        dropout_2=options.dropout_2,
        lr=options.lr,
        num_inputs=num_pixels(data),
    )


def show_layer(d2l, run, options):
    """Print dropout of a small matrix: kept entries are scaled by 1 / (1 - p)."""
    X = d2l.reshape(d2l.arange(16, dtype=d2l.float32), (2, 8))
    mask = np.random.default_rng(options.seed).random((2, 8)) >= 0.5
    print()
    show("X", X)
    show("mask", mask.astype(int))
    for dropout in (0, 0.5, 1):
        # A probability of 0 keeps everything, so its mask is all ones.
        kept = d2l.tensor(mask | (dropout == 0))
        show(f"dropout_layer(X, {dropout})", d2l.dropout_layer(X, dropout, mask=kept))


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
    report=show_layer,
)

if __name__ == "__main__":
    EXAMPLE.main()
