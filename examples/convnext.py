"""
ConvNeXt, a convolutional network with the design of transformers (section 7.6 of the 2026 edition).

The frameworks draw different masks of the blocks that examples skip, so the tables of epochs agree
only roughly. `--full --batch-size 128` trains the book's network.
"""

from networks import network_example


def make_model(d2l, data, options):
    """Return ConvNeXt, without `--full` with two narrow stages."""
    arch = {} if options.full else {"arch": ((1, 16), (2, 32))}
    return d2l.ConvNeXt(**arch, lr=options.lr, num_classes=len(data.classes))


EXAMPLE = network_example(__doc__, make_model, size=32, full_size=96, lr=0.05)

if __name__ == "__main__":
    EXAMPLE.main()
