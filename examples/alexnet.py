"""AlexNet (section 8.1). `--full --lr 0.01 --batch-size 128` is the book's run, for a GPU."""

from networks import narrow, network_example


def make_model(d2l, data, options):
    """Return AlexNet, without `--full` with few channels."""
    sizes = {"channels": (16, 32, 48, 48, 32), "num_hiddens": 128}
    return narrow(d2l.AlexNet, options, **sizes)(options.lr, len(data.classes))


EXAMPLE = network_example(__doc__, make_model, size=67, full_size=224, lr=0.05)

if __name__ == "__main__":
    EXAMPLE.main()
