# %% [markdown]
"""
# Training recipes of 2015 and of 2022 for one network (section 7.5 of 2026)

A perceptron learns from some of the images: with momentum and a rate that falls in two steps; and
half as long again with AdamW, warmup and a cosine, label smoothing, mixup, and an average of the
weights. Each framework draws its own mixup.
"""

# %%
from functools import partial

import numpy as np
from common import image_data, num_pixels, save_figure, set_weights, start
from frameworks import adamw, add_stream, momentum, next_source

d2l, args = start(
    __doc__,
    backend="jax",
    images=True,
    epochs=30,
    num_train=500,
    batch_size=50,
    num_hiddens=64,
    ema_decay=0.95,
)

# %% [markdown]
# ## Data
#
# The first training images; validation has all of its own.


# %%
def make_data():
    """Return a data module with the first `--num-train` training images."""
    data = image_data(d2l, args)
    loader = data.train_dataloader()
    few = loader.gather(loader.arrays, np.arange(args.num_train, dtype=np.int32))

    class FewImages(d2l.DataModule):
        batch_size = args.batch_size
        seed = args.seed

        def get_dataloader(self, train):
            return self.get_tensorloader(few, train) if train else data.get_dataloader(train)

    return FewImages(), num_pixels(data)


# %% [markdown]
# ## The recipe of 2015
#
# SGD with momentum and a little weight decay.


# %%
class Classic(d2l.MLP):
    """A perceptron with the recipe of 2015."""

    def configure_optimizers(self):
        """Return SGD with momentum."""
        return momentum(d2l, self, wd=5e-4)


# %% [markdown]
# ## The recipe of 2022
#
# AdamW with a strong decay. Mixup trains on weighted means of two images and of their labels; label
# smoothing leaves a tenth of the probability to the other classes.


# %%
class Modern(d2l.MLP):
    """A perceptron with the recipe of 2022."""

    def configure_optimizers(self):
        """Return AdamW."""
        return adamw(d2l, self, wd=0.05)

    def training_step(self, batch):
        """Return the loss of mixed images."""
        X, y_a, y_b, lam = d2l.mixup(*batch, alpha=0.2, **next_source(d2l, self))
        smoothed = partial(d2l.softmax_cross_entropy, label_smoothing=0.1)
        loss = d2l.mixup_loss(smoothed, self(X), y_a, y_b, lam)
        self.plot("loss", loss, train=True)
        return loss


# %% [markdown]
# ## Training
#
# Each optimizer needs its own rate, and each recipe has its schedule. Both start from the same
# weights.


# %%
def train(network, lr, epochs, **recipe):
    """Return the trainer of a fit from the same initial weights for each recipe."""
    data, num_inputs = make_data()
    model = network(10, args.num_hiddens, lr=lr, num_inputs=num_inputs)
    set_weights(d2l, model, args.seed, "he")
    add_stream(d2l, model, args.seed)
    trainer = d2l.Trainer(epochs, **recipe)
    trainer.fit(model, data)
    return trainer


budgets = {"2015": args.epochs, "2022": args.epochs * 3 // 2}
average = {"schedule": d2l.cosine_warmup, "ema_decay": args.ema_decay}
trainers = {
    "2015": train(Classic, 0.05, budgets["2015"], schedule=d2l.step_decay),
    "2022": train(Modern, 0.005, budgets["2022"], **average),
}
print("recipe  epochs    loss  val_loss  val_acc")
for name, trainer in trainers.items():
    history = trainer.history
    loss, val_loss = history.epoch_train_loss[-1], history.val_loss[-1]
    print(f"{name:6}{budgets[name]:8}{loss:8.4f}{val_loss:10.4f}{history.val_acc[-1]:9.4f}")

# %% [markdown]
# ## The average of the weights
#
# It changes more slowly than the weights themselves, and is often a little better.

# %%
trainer = trainers["2022"]
trainer.ema.copy_to(trainer.model)
batches = [trainer.prepare_batch(batch) for batch in trainer.val_dataloader]
hits = [trainer.model.accuracy(trainer.model(X), y, averaged=False) for X, y in batches]
accuracy = float(np.concatenate([d2l.numpy(x) for x in hits]).mean())
print(f"2022, averaged weights: {accuracy:.4f}")

# %%
figure, axes = d2l.plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
for colour, (name, trainer) in zip(("C0", "C1"), trainers.items(), strict=True):
    history = trainer.history
    epochs = np.arange(1, 1 + len(history.seconds))
    axes[0].plot(epochs, history["lr"] / history["lr"].max(), colour, label=name)
    axes[1].plot(epochs, history.epoch_train_loss, colour, label=f"{name}, training")
    axes[1].plot(epochs, history.val_loss, colour, linestyle="--", label=f"{name}, validation")
    axes[2].plot(epochs, history.val_acc, colour, label=name)
for axis, label in zip(axes, ("rate / largest rate", "loss", "validation accuracy"), strict=True):
    axis.set(xlabel="epoch", ylabel=label)
    axis.grid()
    axis.legend()
axes[1].set_ylim(bottom=0)
save_figure(args, figure)
