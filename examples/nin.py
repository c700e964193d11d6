"""Network in network (section 8.3). The book's run is `--full --lr 0.05 --batch-size 128`."""

from networks import adam, narrow, network_example


def make_model(d2l, data, options):
    """Return NiN, without `--full` with few channels and Adam."""
    sizes = {"channels": (16, 32, 48), "configure_optimizers": adam(d2l)}
    return narrow(d2l.NiN, options, **sizes)(options.lr, len(data.classes))


EXAMPLE = network_example(__doc__, make_model, size=67, full_size=224, lr=0.003, epochs=15)

if __name__ == "__main__":
    EXAMPLE.main()
