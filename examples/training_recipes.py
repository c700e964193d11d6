"""
Training recipes of 2015 and of 2022 for one network (section 7.5 of 2026).

A perceptron learns from some of the images: with momentum and a rate that falls in two steps; and
half as long again with AdamW, warmup and a cosine, label smoothing, mixup, and an average of the
weights. Each framework draws its own mixup.
"""

from functools import partial

import numpy as np
from common import Section, image_data, num_pixels, set_weights
from frameworks import adamw, add_stream, momentum, next_source

RATES = {"2015": 0.05, "2022": 0.005}  # each optimizer needs its own


def make_data(d2l, options):
    """Return a data module with the first `--num-train` training images."""
    data = image_data(d2l, options)
    loader = data.train_dataloader()
    few = loader.gather(loader.arrays, np.arange(options.num_train, dtype=np.int32))

    class FewImages(d2l.DataModule):
        batch_size = options.batch_size
        seed = options.seed

        def get_dataloader(self, train):
            return self.get_tensorloader(few, train) if train else data.get_dataloader(train)

    return FewImages(), num_pixels(data)


def classic(d2l):
    """Return the class of a perceptron with the recipe of 2015."""

    class Classic(d2l.MLP):
        def configure_optimizers(self):
            return momentum(d2l, self, wd=5e-4)

    return Classic


def modern(d2l):
    """Return the class of a perceptron with the recipe of 2022."""

    class Modern(d2l.MLP):
        def configure_optimizers(self):
            return adamw(d2l, self, wd=0.05)

        def training_step(self, batch):
            X, y_a, y_b, lam = d2l.mixup(*batch, alpha=0.2, **next_source(d2l, self))
            smoothed = partial(d2l.softmax_cross_entropy, label_smoothing=0.1)
            loss = d2l.mixup_loss(smoothed, self(X), y_a, y_b, lam)
            self.plot("loss", loss, train=True)
            return loss

    return Modern


def train(d2l, make_class, options, lr, epochs, **recipe):
    """Return the trainer of a fit from the same initial weights for each recipe."""
    data, num_inputs = make_data(d2l, options)
    model = make_class(d2l)(10, options.num_hiddens, lr=lr, num_inputs=num_inputs)
    set_weights(d2l, model, options.seed, "he")
    add_stream(d2l, model, options.seed)
    trainer = d2l.Trainer(epochs, **recipe)
    trainer.fit(model, data)
    return trainer


def accuracy_of_average(d2l, trainer):
    """Return the validation accuracy of the averaged weights."""
    trainer.ema.copy_to(trainer.model)
    batches = [trainer.prepare_batch(batch) for batch in trainer.val_dataloader]
    hits = [trainer.model.accuracy(trainer.model(X), y, averaged=False) for X, y in batches]
    return float(np.concatenate([d2l.numpy(x) for x in hits]).mean())


def run(d2l, options):
    """Train with both recipes, print the results, and return the figure."""
    budgets = {"2015": options.epochs, "2022": options.epochs * 3 // 2}
    trainers = {
        "2015": train(
            d2l, classic, options, RATES["2015"], budgets["2015"], schedule=d2l.step_decay
        ),
        "2022": train(
            d2l,
            modern,
            options,
            RATES["2022"],
            budgets["2022"],
            schedule=d2l.cosine_warmup,
            ema_decay=options.ema_decay,
        ),
    }
    print("recipe  epochs    loss  val_loss  val_acc")
    for name, trainer in trainers.items():
        history = trainer.history
        loss, val_loss = history.epoch_train_loss[-1], history.val_loss[-1]
        print(f"{name:6}{budgets[name]:8}{loss:8.4f}{val_loss:10.4f}{history.val_acc[-1]:9.4f}")
    print(f"2022, averaged weights: {accuracy_of_average(d2l, trainers['2022']):.4f}")
    return draw(d2l, {name: trainer.history for name, trainer in trainers.items()})


def draw(d2l, histories):
    """Return the figure: rates, losses and validation accuracy of each recipe."""
    figure, axes = d2l.plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
    for colour, (name, history) in zip(("C0", "C1"), histories.items(), strict=True):
        epochs = np.arange(1, 1 + len(history.seconds))
        axes[0].plot(epochs, history["lr"] / history["lr"].max(), colour, label=name)
        axes[1].plot(epochs, history.epoch_train_loss, colour, label=f"{name}, training")
        axes[1].plot(epochs, history.val_loss, colour, linestyle="--", label=f"{name}, validation")
        axes[2].plot(epochs, history.val_acc, colour, label=name)
    for axis, label in zip(axes, ("rate / largest rate", "loss", "accuracy"), strict=True):
        axis.set(xlabel="epoch", ylabel=label)
        axis.grid()
        axis.legend()
    axes[1].set_ylim(bottom=0)
    return figure


if __name__ == "__main__":
    extra = {"epochs": 30, "num_train": 500, "batch_size": 50, "num_hiddens": 64, "ema_decay": 0.95}
    Section(__doc__, run, images=True, extra=extra).main()
