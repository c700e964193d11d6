"""
Time epochs of convolutional networks against loops by hand on the frameworks' own layers.

    python -m benchmarks.convnets --backend jax --model LeNet
    python -m benchmarks.convnets --backend torch --model ResNet18 --size 96 --num-train 512

Both take turns, and do the same work: every step of an epoch, then loss and accuracy of the
validation data. The result is the ratio of the fastest epochs, `fit / hand`.
"""

import argparse
import importlib
from typing import Any

import numpy as np

from benchmarks.fit import make_images
from benchmarks.tasks import NUM_CLASSES, Task

MODELS = ("LeNet", "BNLeNet", "ResNet18")


def fit_seconds(d2l: Any, model: str, data: Any, epochs: int) -> list[float]:
    """Return the seconds of each epoch of `Trainer.fit`, without the first one, which compiles."""
    trainer = d2l.Trainer(epochs + 1, num_gpus=min(1, d2l.num_gpus()))
    return trainer.fit(getattr(d2l, model)(lr=0.01), data).seconds[1:].tolist()


def main() -> None:
    """Run the turns; print the seconds and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--backend", choices=["jax", "torch"], required=True)
    parser.add_argument("--model", choices=MODELS, default="LeNet")
    parser.add_argument("--size", type=int, default=28, help="height and width of the images")
    parser.add_argument("--num-train", type=int, default=12_800)
    parser.add_argument("--num-val", type=int, default=2_560)
    parser.add_argument("--epochs", type=int, default=2, help="counted epochs in a turn")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    d2l = importlib.import_module(f"d2l_{options.backend}")
    hand = importlib.import_module(f"benchmarks.convnets_{options.backend}")
    task = Task(
        options.model, (784, NUM_CLASSES), 0.01, 128, options.num_train, options.num_val, epochs=1
    )
    data = make_images(task, d2l, options.backend)
    data.resize = (options.size, options.size)
    seconds: dict[str, list[float]] = {"fit": [], "hand": []}
    for turn in range(options.turns):
        seconds["fit"] += fit_seconds(d2l, options.model, data, options.epochs)
        loop = hand.Hand(options.model, data)
        seconds["hand"] += [loop.epoch() for _ in range(options.epochs + 1)][1:]
        fastest = {name: min(values) for name, values in seconds.items()}
        ratio = fastest["fit"] / fastest["hand"]
        print(
            f"turn {turn + 1}: fit {fastest['fit']:.3f} s, hand {fastest['hand']:.3f} s, "
            f"ratio {ratio:.3f} (medians {np.median(seconds['fit']):.3f} and "
            f"{np.median(seconds['hand']):.3f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
