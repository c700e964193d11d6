"""
Compare two modules of your own layer by layer (a tool, not a section).

The perceptron below has two hidden layers, once in PyTorch and once ported to Flax. The first port
ignores that the layer normalizations of the frameworks add a different eps to the variance. It
trains as well, with slightly different losses, which do not show why. The report names the layer.
"""

import sys

import numpy as np
import torch
from common import OUTPUT, errors_in_one_line, make_parser, positive
from flax import nnx
from torch import nn

from d2l_common.data.digits import load_digits_images
from d2l_parity import Report, compare


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


def digits(batch_size: int = 100) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return minibatches of NumPy arrays, for both frameworks."""
    (images, labels), _ = load_digits_images()
    X = images.reshape(len(images), -1).astype(np.float32) / 255
    y = labels.astype(np.int32)
    return [(X[i : i + batch_size], y[i : i + batch_size]) for i in range(0, len(X), batch_size)]


def compare_port(epsilon: float, epochs: int, name: str) -> Report:
    """Compare the original with a port; weights are matched by their shapes."""
    torch.manual_seed(0)
    return compare(
        FlaxMLP(nnx.Rngs(0), epsilon),
        TorchMLP(),
        digits(),
        loss="softmax_cross_entropy",
        epochs=epochs,
        name=name,
    )


def main() -> None:
    """Compare the port with a mistake, and then the correct one."""
    parser = make_parser(__doc__)
    parser.add_argument("--epochs", type=positive, default=3, help="passes over the training data")
    options = parser.parse_args()
    with errors_in_one_line(parser):
        reports = {
            "mistaken": compare_port(1e-6, options.epochs, "A port with a mistake"),
            "mended": compare_port(1e-5, options.epochs, "The port, mended"),
        }
    for name, report in reports.items():
        print(f"{report}\n")
        paths = report.save(OUTPUT / f"own_model_{name}")
        print("report: " + ", ".join(map(str, paths.values())), end="\n\n")
    sys.exit(0 if reports["mended"].agree and not reports["mistaken"].agree else 1)


if __name__ == "__main__":
    main()
