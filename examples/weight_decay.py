"""
Weight decay with high-level APIs (section 3.7.4).

20 examples of 200 features: without the decay (`--wd 0`) the model memorizes them.
"""

import numpy as np
from common import Example


def make_data(d2l, options):
    """Return few examples of many features."""
    return d2l.HighDimensionalData(
        num_train=20,
        num_val=100,
        num_inputs=200,
        batch_size=options.batch_size,
        seed=options.seed,
    )


def make_model(d2l, data, options):
    """Return the model, with its losses drawn on a logarithmic scale."""
    model = d2l.WeightDecay(wd=options.wd, lr=options.lr, num_inputs=data.num_inputs)
    model.board.yscale = "log"
    return model


def show_norm(d2l, run, options):
    """Print the norm of the weights."""
    print(f"L2 norm of w: {np.linalg.norm(run.weights['net.weight']):.4f}")


EXAMPLE = Example(
    __doc__,
    make_data,
    make_model,
    lr=0.01,
    epochs=10,
    batch_size=5,
    extra={"wd": 3.0},
    report=show_norm,
)

if __name__ == "__main__":
    EXAMPLE.main()
