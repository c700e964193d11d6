"""
Weights in files, and a run that goes on where it stopped (section 6.6).

A file of weights is read by either backend. A checkpoint also holds the optimizer, the order of the
data and the history, so that a resumed run ends with the same bits as one that was left alone.
"""

import json
import tempfile
from pathlib import Path

import frameworks
import numpy as np
from common import Section, load_backend, set_weights, show


def momentum_mlp(d2l, seed):
    """Return a perceptron whose optimizer has a state."""

    class MomentumMLP(d2l.MLP):
        def configure_optimizers(self):
            return frameworks.momentum(d2l, self, wd=0.0)

    model = MomentumMLP(num_outputs=10, num_hiddens=32, lr=0.05, num_inputs=64)
    set_weights(d2l, model, seed, "he")
    return model


def train(d2l, seed, epochs, checkpoint=None, resume=False):
    """Train on Digits, perhaps with checkpoints; return the model and its history."""
    model = momentum_mlp(d2l, seed)
    data = d2l.Digits(batch_size=256, seed=seed)
    trainer = d2l.Trainer(epochs, checkpoint=checkpoint)
    return model, trainer.fit(model, data, resume=resume)


def show_header(path):
    """Print what stands at the beginning of a safetensors file: plain text, and no code."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    for name in sorted(header.keys() - {"__metadata__"}):
        entry = header[name]
        print(f"{name:14} {entry['dtype']} {entry['shape']}")


def show_weights(d2l, folder, seed):
    """Save weights, and read them with both backends."""
    model = momentum_mlp(d2l, seed)
    path = folder / "mlp.safetensors"
    d2l.save_weights(path, model)
    show_header(path)
    saved = d2l.export_weights(model)
    for name in ("jax", "torch"):
        backend = load_backend(name)
        clone = momentum_mlp(backend, seed + 1)
        backend.load_weights(path, clone)
        loaded = backend.export_weights(clone)
        equal = all(np.array_equal(loaded[name], saved[name]) for name in saved)
        print(f"read by d2l_{name}, equal to the bit: {equal}")


def show_checkpoint(d2l, folder, seed):
    """Stop a run after two of four epochs, and resume it; start again from its weights alone."""
    _, whole = train(d2l, seed, epochs=4)
    train(d2l, seed, epochs=2, checkpoint=folder / "run")
    _, resumed = train(d2l, seed, epochs=4, checkpoint=folder / "run", resume=True)
    show("\nloss, left alone", whole.train_loss[-6:])
    show("loss, stopped and resumed", resumed.train_loss[-6:])
    print(f"equal to the bit: {np.array_equal(whole.train_loss, resumed.train_loss)}")


def run(d2l, options):
    """Print files of weights and a resumed run."""
    with tempfile.TemporaryDirectory() as folder:
        show_weights(d2l, Path(folder), options.seed)
        show_checkpoint(d2l, Path(folder), options.seed)


if __name__ == "__main__":
    Section(__doc__, run, draws=False).main()
