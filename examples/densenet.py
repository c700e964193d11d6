"""DenseNet (section 8.7). The book's run is `--full --lr 0.01 --batch-size 128`."""

from networks import adam, narrow, network_example


def make_model(d2l, data, options):
    """Return DenseNet, without `--full` with two narrow blocks and Adam."""
    num_channels, growth_rate, arch = (64, 32, (4, 4, 4, 4)) if options.full else (16, 8, (2, 2))
    cls = narrow(d2l.DenseNet, options, configure_optimizers=adam(d2l))
    return cls(num_channels, growth_rate, arch, options.lr, len(data.classes))


EXAMPLE = network_example(__doc__, make_model, size=32, full_size=96, lr=0.003)

if __name__ == "__main__":
    EXAMPLE.main()
