"""GoogLeNet, parallel branches (section 8.4). The book: `--full --lr 0.01 --batch-size 128`."""

from networks import adam, narrow, network_example

ARCH = (
    ((8, (8, 16), (4, 8), 8),),
    ((16, (8, 16), (4, 8), 8), (16, (8, 24), (4, 8), 8)),
    ((16, (16, 32), (4, 8), 8),),
)


def make_model(d2l, data, options):
    """Return GoogLeNet, without `--full` with few and narrow blocks and Adam."""
    return narrow(d2l.GoogleNet, options, arch=ARCH, configure_optimizers=adam(d2l))(
        options.lr, len(data.classes)
    )


EXAMPLE = network_example(__doc__, make_model, size=32, full_size=96, lr=0.003)

if __name__ == "__main__":
    EXAMPLE.main()
