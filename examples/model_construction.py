# %% [markdown]
"""
# Models from layers, blocks and a configuration (section 6.1)

A block is a model in a model. Layers that know only their number of outputs learn the rest from the
first minibatch (section 6.4).
"""

# %%
from dataclasses import dataclass, replace

import frameworks
import numpy as np
from common import set_weights, show, start

d2l, args = start(__doc__, backend="jax", draws=False)

# %% [markdown]
# ## A configuration
#
# All sizes of a model, in one value that can be printed and saved.


# %%
@dataclass(frozen=True)
class Config:
    """All sizes of a model."""

    num_inputs: int = 784
    width: int = 64
    num_blocks: int = 2
    num_outputs: int = 10


# %% [markdown]
# ## Blocks
#
# A residual block computes `X + f(X)`, where `f` has two layers. The model is a layer, so many
# blocks in a row, and another layer.


# %%
class ResidualBlock(d2l.Module):
    """Two layers with a shortcut."""

    def __init__(self, width):
        super().__init__()
        self.net = frameworks.sequential(
            d2l,
            frameworks.linear(d2l, width, width),
            frameworks.relu(d2l),
            frameworks.linear(d2l, width, width),
        )

    def forward(self, X):
        """Return `X + f(X)`, of the same shape."""
        return X + self.net(X)


class ResidualMLP(d2l.Classifier):
    """The model that a configuration describes."""

    def __init__(self, config):
        super().__init__()
        first = frameworks.linear(d2l, config.num_inputs, config.width)
        blocks = [ResidualBlock(config.width) for _ in range(config.num_blocks)]
        last = frameworks.linear(d2l, config.width, config.num_outputs)
        self.net = frameworks.sequential(d2l, first, *blocks, last)


# %%
config = Config(num_inputs=4, width=3, num_blocks=1, num_outputs=2)
model = ResidualMLP(config)
set_weights(d2l, model, args.seed, "he")
print(config)
for name, array in sorted(d2l.export_weights(model).items()):
    print(f"{name:20} {array.shape}")

# %%
X = d2l.tensor(np.arange(8.0).reshape(2, 4), dtype=d2l.float32)
show("\noutputs of two examples", model(X))
model.layer_summary((2, 4))

# %% [markdown]
# ## Sizes
#
# Twice the width is four times the parameters, twice the blocks about twice.


# %%
def num_params(model):
    """Return the number of parameters."""
    return sum(array.size for array in d2l.export_weights(model, state=False).values())


print()
for width, num_blocks in ((64, 2), (64, 4), (128, 4)):
    config = replace(Config(), width=width, num_blocks=num_blocks)
    print(f"width {width:3}, {num_blocks} blocks: {num_params(ResidualMLP(config)):7,}")

# %% [markdown]
# ## Shapes that are learned
#
# The first linear layer of LeNet has as many inputs as the convolutions before it have outputs,
# which depends on the size of the images.

# %%
print("\nfirst linear layer of LeNet")
for size in (28, 32):
    model = d2l.LeNet()
    model.apply_init([d2l.zeros(frameworks.image_shape(d2l, 1, 1, size))])
    shapes = [array.shape for array in d2l.export_weights(model).values()]
    linear = next(shape for shape in shapes if len(shape) == 2)
    print(f"images {size} x {size}: {linear}, {num_params(model):,} parameters in all")
