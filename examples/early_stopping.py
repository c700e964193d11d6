"""
Early stopping (section 5.5.3).

A perceptron memorizes a few digits, some with wrong labels: its training loss keeps falling while
its validation loss rises. A Trainer with patience stops in time.
"""

import numpy as np
from common import Section, set_weights

from d2l_common.data.digits import load_digits_images


def make_data(d2l, num_train, noise, seed):
    """Return a data module of few digits; a share `noise` of the training labels is random."""
    rng = np.random.default_rng(seed)
    (images, labels), val = load_digits_images()
    labels = labels[:num_train].astype(np.int32)
    labels = np.where(rng.random(num_train) < noise, rng.integers(0, 10, num_train), labels)

    class NoisyDigits(d2l.DataModule):
        batch_size = 50

        def get_dataloader(self, train):
            X, y = (images[:num_train], labels) if train else val
            X = d2l.tensor(X.reshape(len(X), -1) / 255, dtype=d2l.float32)
            return self.get_tensorloader((X, d2l.tensor(y.astype(np.int32))), train)

    data = NoisyDigits()
    data.seed = seed
    return data


def train(d2l, data, options, patience):
    """Return the history of a perceptron, from the same weights each time, with `patience`."""

    class PatientTrainer(d2l.Trainer):
        def should_stop(self, history):
            return d2l.out_of_patience(history.val_loss, patience)

    model = d2l.MLP(num_outputs=10, num_hiddens=128, lr=0.2, num_inputs=64)
    set_weights(d2l, model, options.seed, "he")
    return PatientTrainer(options.epochs).fit(model, data)


def run(d2l, options):
    """Train without and with early stopping, print both, and return the figure."""
    data = make_data(d2l, num_train=200, noise=0.3, seed=options.seed)
    full = train(d2l, data, options, patience=options.epochs)
    data = make_data(d2l, num_train=200, noise=0.3, seed=options.seed)  # its epochs start at 0
    stopped = train(d2l, data, options, patience=options.patience)
    print("               epochs    loss  val_loss  val_acc")
    for name, history in (("to the end", full), ("early stopping", stopped)):
        loss, val_loss = history.epoch_train_loss[-1], history.val_loss[-1]
        epochs = len(history.val_loss)
        print(f"{name:15}{epochs:6}{loss:8.4f}{val_loss:10.4f}{history.val_acc[-1]:9.4f}")
    best = int(full.val_loss.argmin())
    print(f"the lowest val_loss, {full.val_loss[best]:.4f}, is that of epoch {best + 1}")
    epochs = range(1, len(full.val_loss) + 1)
    end = len(stopped.val_loss)
    curves = [full.epoch_train_loss, full.val_loss, stopped.val_loss[-1:]]
    legend = ["train_loss", "val_loss", f"stopped, patience {options.patience}"]
    fmts = ("-", "m--", "go")
    d2l.plot([epochs, epochs, [end]], curves, "epoch", "loss", legend, fmts=fmts, figsize=(4.5, 3))
    return d2l.plt.gcf()


if __name__ == "__main__":
    Section(__doc__, run, extra={"epochs": 100, "patience": 10}).main()
