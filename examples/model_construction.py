"""
Models from layers, blocks and a configuration (section 6.1).

A block is a model in a model. Layers that know only their number of outputs learn the rest from the
first minibatch (section 6.4).
"""

from dataclasses import dataclass, replace

import frameworks
import numpy as np
from common import Section, set_weights, show


@dataclass(frozen=True)
class Config:
    """All sizes of a model, in one value that can be printed and saved."""

    num_inputs: int = 784
    width: int = 64
    num_blocks: int = 2
    num_outputs: int = 10


def residual_block(d2l, width):
    """Return a block: `X + f(X)`, where `f` has two layers."""

    class ResidualBlock(d2l.Module):
        def __init__(self, width):
            super().__init__()
            self.net = frameworks.sequential(
                d2l,
                frameworks.linear(d2l, width, width),
                frameworks.relu(d2l),
                frameworks.linear(d2l, width, width),
            )

        def forward(self, X):
            return X + self.net(X)

    return ResidualBlock(width)


def build(d2l, config):
    """Return the model that a configuration describes."""

    class ResidualMLP(d2l.Classifier):
        def __init__(self, config):
            super().__init__()
            first = frameworks.linear(d2l, config.num_inputs, config.width)
            blocks = [residual_block(d2l, config.width) for _ in range(config.num_blocks)]
            last = frameworks.linear(d2l, config.width, config.num_outputs)
            self.net = frameworks.sequential(d2l, first, *blocks, last)

    return ResidualMLP(config)


def num_params(d2l, model):
    """Return the number of parameters."""
    return sum(array.size for array in d2l.export_weights(model, state=False).values())


def show_blocks(d2l, seed):
    """Print what a model of blocks is made of, and what it computes."""
    config = Config(num_inputs=4, width=3, num_blocks=1, num_outputs=2)
    model = build(d2l, config)
    set_weights(d2l, model, seed, "he")
    print(config)
    for name, array in sorted(d2l.export_weights(model).items()):
        print(f"{name:20} {array.shape}")
    X = d2l.tensor(np.arange(8.0).reshape(2, 4), dtype=d2l.float32)
    show("\noutputs of two examples", model(X))
    model.layer_summary((2, 4))


def show_sizes(d2l):
    """Print the number of parameters of several configurations."""
    print()
    for width, num_blocks in ((64, 2), (64, 4), (128, 4)):
        config = replace(Config(), width=width, num_blocks=num_blocks)
        print(f"width {width:3}, {num_blocks} blocks: {num_params(d2l, build(d2l, config)):7,}")


def show_lazy_shapes(d2l):
    """Print the shapes that the layers of LeNet learn from images of two sizes."""
    print("\nfirst linear layer of LeNet")
    for size in (28, 32):
        model = d2l.LeNet()
        images = d2l.zeros(frameworks.image_shape(d2l, 1, 1, size))
        model.apply_init([images])
        shapes = [array.shape for array in d2l.export_weights(model).values()]
        linear = next(shape for shape in shapes if len(shape) == 2)
        print(f"images {size} x {size}: {linear}, {num_params(d2l, model):,} parameters in all")


def run(d2l, options):
    """Print blocks, sizes, and shapes that are learned."""
    show_blocks(d2l, options.seed)
    show_sizes(d2l)
    show_lazy_shapes(d2l)


if __name__ == "__main__":
    Section(__doc__, run, draws=False).main()
