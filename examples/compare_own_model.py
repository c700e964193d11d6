# %% [markdown]
"""
# Compare two modules of your own layer by layer (a tool, not a section)

The perceptron below has two hidden layers, once in PyTorch and once ported to Flax. The first port
ignores that the layer normalizations of the frameworks add a different eps to the variance. It
trains as well, with slightly different losses, which do not show why. The report names the layer.
"""

# %% [markdown]
# The options are read first, before the frameworks are imported.

# %%
from ports import finish, gpus_of, start_tool

args = start_tool(__doc__, epochs=3)

# %%
import numpy as np
import torch
from flax import nnx
from options import OUTPUT
from torch import nn

from d2l_common.data.digits import load_digits_images
from d2l_parity import Report, compare

# %% [markdown]
# ## The original in PyTorch


# %%
class TorchMLP(nn.Module):
    """The original model in PyTorch."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(64, 64), nn.Linear(64, 32)
        self.norm = nn.LayerNorm(32)
        self.fc3 = nn.Linear(32, 10)

    def forward(self, X):
        """Return the logits `(n, 10)` of vectors `(n, 64)`."""
        H = torch.relu(self.fc1(X))
        H = torch.relu(self.norm(self.fc2(H)))
        return self.fc3(H)


# %% [markdown]
# ## The port to Flax
#
# The layers have names of their own: they are matched by their shapes.


# %%
class FlaxMLP(nnx.Module):
    """The port to Flax; `epsilon` of the layer normalization is Flax's default if not given."""

    def __init__(self, rngs, epsilon=1e-6):
        self.hidden1, self.hidden2 = nnx.Linear(64, 64, rngs=rngs), nnx.Linear(64, 32, rngs=rngs)
        self.norm = nnx.LayerNorm(32, epsilon=epsilon, rngs=rngs)
        self.output = nnx.Linear(32, 10, rngs=rngs)

    def __call__(self, X):
        """Return the logits `(n, 10)` of vectors `(n, 64)`."""
        H = nnx.relu(self.hidden1(X))
        H = nnx.relu(self.norm(self.hidden2(H)))
        return self.output(H)


# %% [markdown]
# ## The data


# %%
def digits(batch_size: int = 100) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return full minibatches of NumPy arrays, for both frameworks; the rest is left out."""
    (images, labels), _ = load_digits_images()
    X = images.reshape(len(images), -1).astype(np.float32) / 255
    y = labels.astype(np.int32)
    ends = range(batch_size, len(X) + 1, batch_size)
    return [(X[end - batch_size : end], y[end - batch_size : end]) for end in ends]


# %% [markdown]
# ## The comparison
#
# Both models get the same weights and train on the same minibatches.


# %%
def compare_port(epsilon: float, name: str) -> Report:
    """Compare the original with a port; weights are matched by their shapes."""
    torch.manual_seed(args.seed)
    return compare(
        FlaxMLP(nnx.Rngs(args.seed), epsilon),
        TorchMLP(),
        digits(),
        loss="softmax_cross_entropy",
        epochs=args.epochs,
        num_gpus=gpus_of(args),
        name=name,
    )


def show_report(report: Report, name: str) -> None:
    """Print and save a report."""
    print(f"{report}\n")
    paths = report.save(OUTPUT / f"own_model_{name}")
    print("report: " + ", ".join(map(str, paths.values())), end="\n\n")


# %% [markdown]
# The first port keeps Flax's eps, 1e-6, where PyTorch's is 1e-5.

# %%
mistaken = compare_port(1e-6, "A port with a mistake")
show_report(mistaken, "mistaken")

# %%
mended = compare_port(1e-5, "The port, mended")
show_report(mended, "mended")
finish(mended.agree and not mistaken.agree)
