"""
Time epochs of convolutional networks against loops by hand on the frameworks' own layers.

    python -m benchmarks.convnets --backend jax
    python -m benchmarks.convnets --backend torch --model ResNet18 --turns 2

They take turns with Keras, where it is installed, and do the same work: every step of an epoch,
then loss and accuracy of the validation data. The results are the ratios of the fastest epochs,
`fit / hand` and `fit / keras`.
"""

import argparse
import importlib
import importlib.util
import os
from typing import Any

from benchmarks.fit import make_images
from benchmarks.tasks import NUM_CLASSES, Task

# Height and width of the images, and the numbers of them for training and for validation.
MODELS = {
    "LeNet": (28, 12_800, 2_560),
    "BNLeNet": (28, 12_800, 2_560),
    "ResNet18": (96, 256, 128),
}
# The largest ratio that a fit should take.
BARS = {
    "jax": {"LeNet": 1.15, "BNLeNet": 1.15, "ResNet18": 1.05},
    "torch": {"LeNet": 1.1, "BNLeNet": 1.1, "ResNet18": 1.05},
}


def fit_seconds(d2l: Any, model: str, data: Any, epochs: int) -> list[float]:
    """Return the seconds of each epoch of `Trainer.fit`, without the first one, which compiles."""
    trainer = d2l.Trainer(epochs + 1, num_gpus=min(1, d2l.num_gpus()))
    return trainer.fit(getattr(d2l, model)(lr=0.01), data).seconds[1:].tolist()


def race(backend: str, model: str, epochs: int, turns: int) -> None:
    """Run the turns of one model; print the seconds and the ratio."""
    d2l = importlib.import_module(f"d2l_{backend}")
    hand = importlib.import_module(f"benchmarks.convnets_{backend}")
    size, num_train, num_val = MODELS[model]
    task = Task(model, (784, NUM_CLASSES), 0.01, 128, num_train, num_val, epochs=1)
    data = make_images(task, d2l, backend)
    data.resize = (size, size)
    peers = {"hand": hand.Hand}
    if importlib.util.find_spec("keras"):
        peers["keras"] = importlib.import_module("benchmarks.convnets_keras").Keras
    seconds: dict[str, list[float]] = {name: [] for name in ("fit", *peers)}
    for _ in range(turns):
        seconds["fit"] += fit_seconds(d2l, model, data, epochs)
        for name, peer in peers.items():
            loop = peer(model, data)
            seconds[name] += [loop.epoch() for _ in range(epochs + 1)][1:]
    fit, *others = (min(values) for values in seconds.values())
    print(f"{backend} {model}: fit {fit:.3f} s", end="")
    for name, other in zip(peers, others, strict=True):
        bar = f" (bar {BARS[backend][model]})" if name == "hand" else ""
        print(f"; {name} {other:.3f} s, ratio {fit / other:.3f}{bar}", end="")
    print(flush=True)


def main() -> None:
    """Run the turns of each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--backend", choices=BARS, required=True)
    parser.add_argument("--model", choices=MODELS, nargs="+", default=list(MODELS))
    parser.add_argument("--epochs", type=int, default=2, help="counted epochs in a turn")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    for model in options.model:
        race(options.backend, model, options.epochs, options.turns)


if __name__ == "__main__":
    main()
