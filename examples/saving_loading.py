# %% [markdown]
"""
# Weights in files, and a run that goes on where it stopped (section 6.6)

A file of weights is read by either backend. A checkpoint also holds the optimizer, the order of the
data and the history, so that a resumed run ends with the same bits as one that was left alone.
"""

# %%
import json
import tempfile
from pathlib import Path

import frameworks
import numpy as np
from common import load_backend, set_weights, show, start

d2l, args = start(__doc__, backend="jax", draws=False)
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)

# %% [markdown]
# ## A model
#
# A perceptron whose optimizer has a state: momentum.


# %%
def momentum_mlp(d2l, seed):
    """Return the perceptron on a backend."""

    class MomentumMLP(d2l.MLP):
        def configure_optimizers(self):
            return frameworks.momentum(d2l, self, wd=0.0)

    model = MomentumMLP(num_outputs=10, num_hiddens=32, lr=0.05, num_inputs=64)
    set_weights(d2l, model, seed, "he")
    return model


# %% [markdown]
# ## Weights
#
# A safetensors file begins with the names, types and shapes of its arrays: plain text, and no code,
# where a pickle can run any.

# %%
model = momentum_mlp(d2l, args.seed)
path = folder / "mlp.safetensors"
d2l.save_weights(path, model)
content = path.read_bytes()
length = int.from_bytes(content[:8], "little")
header = json.loads(content[8 : 8 + length])
for name in sorted(header.keys() - {"__metadata__"}):
    print(f"{name:14} {header[name]['dtype']} {header[name]['shape']}")

# %% [markdown]
# Both backends read it.

# %%
saved = d2l.export_weights(model)
for backend in ("jax", "torch"):
    package = load_backend(backend)
    clone = momentum_mlp(package, args.seed + 1)
    package.load_weights(path, clone)
    loaded = package.export_weights(clone)
    equal = all(np.array_equal(loaded[name], saved[name]) for name in saved)
    print(f"read by d2l_{backend}, equal to the bit: {equal}")

# %% [markdown]
# ## A run that is resumed
#
# One run of four epochs is left alone. Another one stops after two, and goes on from its
# checkpoint.


# %%
def train(epochs, checkpoint=None, resume=False):
    """Train on Digits, perhaps with checkpoints, and return the history."""
    data = d2l.Digits(batch_size=256, seed=args.seed)
    trainer = d2l.Trainer(epochs, checkpoint=checkpoint)
    return trainer.fit(momentum_mlp(d2l, args.seed), data, resume=resume)


whole = train(epochs=4)
train(epochs=2, checkpoint=folder / "run")
resumed = train(epochs=4, checkpoint=folder / "run", resume=True)
show("\nloss, left alone", whole.train_loss[-6:])
show("loss, stopped and resumed", resumed.train_loss[-6:])
print(f"equal to the bit: {np.array_equal(whole.train_loss, resumed.train_loss)}")
