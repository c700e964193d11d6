"""VGG, blocks of convolutions (section 8.2). The book: `--full --lr 0.01 --batch-size 128`."""

from networks import narrow, network_example


def make_model(d2l, data, options):
    """Return the book's VGG with a quarter of VGG-11's channels, without `--full` a smaller one."""
    arch = ((1, 8), (1, 16), (2, 32))
    if options.full:
        arch = ((1, 16), (1, 32), (2, 64), (2, 128), (2, 128))
    return narrow(d2l.VGG, options, num_hiddens=128)(arch, options.lr, len(data.classes))


EXAMPLE = network_example(__doc__, make_model, size=32, full_size=224, lr=0.05)

if __name__ == "__main__":
    EXAMPLE.main()
