"""Base class of the entries of the catalogue, and the comparison of each."""

import re

import numpy as np
import torch
from flax import nnx
from torch import nn

from d2l_parity import compare


def minibatches(*shape, tokens=0, classes=3, num=1, labels=None):
    """Return minibatches of inputs of a shape, or of tokens below a number, and labels."""
    rng = np.random.default_rng(0)
    labels = shape[:1] if labels is None else labels
    return [
        (
            rng.integers(0, tokens, shape).astype(np.int32)
            if tokens
            else rng.normal(size=shape).astype(np.float32),
            rng.integers(0, classes, labels).astype(np.int32),
        )
        for _ in range(num)
    ]


VECTORS = minibatches(6, 8)
IMAGES = minibatches(6, 3, 6, 6)
SEQUENCES = minibatches(6, 5, 8)
TOKENS = minibatches(6, 5, tokens=11)
SEVERAL_STEPS = minibatches(6, 8, num=4)


class Mistake:
    """
    A model in PyTorch, its port with a mistake, and the mended port.

    The docstring of an entry is its title and its text in `docs/porting.md`, and its code is shown
    there. `Original` or `original`, `Mistaken` or `mistaken`, and `Mended` or `mended` return the
    models; those of JAX take `rngs`. With `_loss` or `_optimizer` behind the name it is a function
    of predictions and targets, or returns the optimizer.

    Attributes
    ----------
    verdict : str
        That on the mistaken port, or "ValueError".
    data : list
        The minibatches.
    """

    verdict = "not the same"
    data = VECTORS

    def original():
        return nn.Linear(8, 3)

    def mistaken(rngs):
        return nnx.Linear(8, 3, rngs=rngs)

    @classmethod
    def part(cls, which, kind=""):
        """Return the part of a name, such as `Mended` or `mended_loss`; None if there is none."""
        for place in cls.__mro__:
            for name in (which.capitalize() + kind, which + kind):
                if name in vars(place):
                    return vars(place)[name]
        return None

    @classmethod
    def port(cls, which, kind=""):
        """Return likewise a part of a port; of a mended one that is unchanged, the mistaken one."""
        return cls.part(which, kind) or cls.part("mistaken", kind)

    @classmethod
    def found(cls):
        """Return the verdict on the mistaken port, and the first reason of its report."""
        try:
            report = cls.compare("mistaken")
        except ValueError as error:
            return "ValueError", str(error)
        return report.verdict.value, without_places(report.failures[0])

    @classmethod
    def compare(cls, which):
        """Return the report on the port that is `which`, "mistaken" or "mended"."""
        torch.manual_seed(0)
        models = cls.port(which)(nnx.Rngs(0)), cls.part("original")()
        loss, optimizer = "softmax_cross_entropy", None
        if cls.part("original", "_loss"):
            loss = cls.port(which, "_loss"), cls.part("original", "_loss")
        if cls.part("original", "_optimizer"):
            optimizer = cls.port(which, "_optimizer")(), cls.part("original", "_optimizer")
        options = {"epochs": 1, "nudges": 0, "dtypes": ["float64"]}
        return compare(*models, cls.data, loss=loss, optimizer=optimizer, **options)


def without_places(sentence):
    """Return a sentence of a report without the files and lines in it, which editing moves."""
    sentence = re.sub(r" JAX calls it at \S+:\d+, PyTorch at \S+:\d+\.", "", sentence)
    sentence = re.sub(r", called at \w+\.py:\d+", "", sentence)
    return re.sub(r" \(\w+\.py:\d+(, \w+\.py:\d+)*\)", "", sentence)
