# %% [markdown]
"""
# Early stopping (section 5.5.3)

A perceptron memorizes a few digits, some with wrong labels: its training loss keeps falling while
its validation loss rises. A Trainer with patience stops in time.
"""

# %%
import numpy as np
from common import save_figure, set_weights, start

from d2l_common.data.digits import load_digits_images

d2l, args = start(__doc__, backend="jax", epochs=100, patience=10)

# %% [markdown]
# ## Noisy labels
#
# 200 digits, of which three in ten have a random label.

# %%
NUM_TRAIN, NOISE = 200, 0.3
rng = np.random.default_rng(args.seed)
(images, labels), validation = load_digits_images()
labels = labels[:NUM_TRAIN].astype(np.int32)
labels = np.where(rng.random(NUM_TRAIN) < NOISE, rng.integers(0, 10, NUM_TRAIN), labels)


class NoisyDigits(d2l.DataModule):
    """A few digits for training, with wrong labels among theirs, and others for validation."""

    batch_size = 50
    seed = args.seed

    def get_dataloader(self, train):
        """Return the loader of a part."""
        X, y = (images[:NUM_TRAIN], labels) if train else validation
        X = d2l.tensor(X.reshape(len(X), -1) / 255, dtype=d2l.float32)
        return self.get_tensorloader((X, d2l.tensor(y.astype(np.int32))), train)


# %% [markdown]
# ## A Trainer with patience
#
# After each epoch `fit` asks `should_stop`. This one stops when the validation loss has not been
# lower for `patience` epochs.


# %%
class PatientTrainer(d2l.Trainer):
    """A Trainer that stops early."""

    def __init__(self, max_epochs, patience):
        super().__init__(max_epochs)
        self.patience = patience

    def should_stop(self, history):
        """Return whether the validation loss has not fallen for so many epochs."""
        return d2l.out_of_patience(history.val_loss, self.patience)


def train(patience):
    """Return the history of a perceptron, from the same weights each time, with `patience`."""
    model = d2l.MLP(num_outputs=10, num_hiddens=128, lr=0.2, num_inputs=64)
    set_weights(d2l, model, args.seed, "he")
    return PatientTrainer(args.epochs, patience).fit(model, NoisyDigits())


# %% [markdown]
# ## Without and with early stopping

# %%
full, stopped = train(patience=args.epochs), train(patience=args.patience)
print("               epochs    loss  val_loss  val_acc")
for name, history in (("to the end", full), ("early stopping", stopped)):
    loss, val_loss = history.epoch_train_loss[-1], history.val_loss[-1]
    epochs = len(history.val_loss)
    print(f"{name:15}{epochs:6}{loss:8.4f}{val_loss:10.4f}{history.val_acc[-1]:9.4f}")
best = int(full.val_loss.argmin())
print(f"the lowest val_loss, {full.val_loss[best]:.4f}, is that of epoch {best + 1}")

# %%
epochs = range(1, len(full.val_loss) + 1)
end = len(stopped.val_loss)
curves = [full.epoch_train_loss, full.val_loss, stopped.val_loss[-1:]]
legend = ["train_loss", "val_loss", f"stopped, patience {args.patience}"]
fmts = ("-", "m--", "go")
d2l.plot([epochs, epochs, [end]], curves, "epoch", "loss", legend, fmts=fmts, figsize=(4.5, 3))
save_figure(args, d2l.plt.gcf())
