"""
Depthwise separable convolutions, and branches that are fused (section 7.7 of the 2026 edition).

The book's run is `--full --lr 0.05 --batch-size 128`.
"""

from networks import network_example, show_layers


def make_model(d2l, data, options):
    """Return the small MobileNet, without `--full` with three blocks."""
    arch = {} if options.full else {"arch": ((16, 1), (32, 2), (64, 2))}
    return d2l.MiniMobileNet(**arch, lr=options.lr, num_classes=len(data.classes))


def report(d2l, run, options):
    """Print the table of layers, and how far a fused convolution is from its block."""
    show_layers(d2l, run, options)
    block = d2l.RepVGGBlock(8)
    # Channels are last in JAX, first in PyTorch: eight of each axis suit both.
    X = d2l.randn(4, 8, 8, 8)
    block.eval()
    gap = d2l.abs(d2l.relu(block.fuse()(X)) - block(X)).max()
    print("RepVGG: 3 convolutions and identity fused, equal to 1e-5:", bool(gap < 1e-5))


EXAMPLE = network_example(__doc__, make_model, size=32, full_size=96, report=report, lr=0.05)

if __name__ == "__main__":
    EXAMPLE.main()
