# %% [markdown]
"""
# DenseNet (section 8.7)

A dense block hands the outputs of all its layers to the next one, put together as channels, where a
residual block adds them. The book's run is `--full --lr 0.01 --batch-size 128`.
"""

# %%
from common import save_figure, show_source, show_table, start
from networks import adam, few_images, initialize, show_layers

d2l, args = start(
    __doc__,
    backend="jax",
    device="auto",
    images=True,
    epochs=8,
    batch_size=32,
    lr=0.003,
    full=False,
    num_train=1000,
)

# %% [markdown]
# ## Data
#
# The first images of a data set, enlarged to 32 x 32 pixels, so that a CPU needs less than a
# minute. With `--full` all of them, at the book's 96 x 96.

# %%
data = few_images(d2l, args, size=32, full_size=96)

# %% [markdown]
# ## Model
#
# Each layer of a block adds `growth_rate` channels; a transition between blocks halves their
# number. Without `--full` there are two narrow blocks, and Adam.

# %%
show_source(d2l.DenseNet)


# %%
class AdamDenseNet(d2l.DenseNet):
    """DenseNet with Adam."""

    def configure_optimizers(self):
        """Return Adam."""
        return adam(d2l, self)


if args.full:
    model = d2l.DenseNet(64, 32, (4, 4, 4, 4), args.lr, len(data.classes))
else:
    model = AdamDenseNet(16, 8, (2, 2), args.lr, len(data.classes))
initialize(d2l, model, data, args.seed)

# %% [markdown]
# ## Training

# %% Training
trainer = d2l.Trainer(args.epochs, num_gpus=args.num_gpus)
history = trainer.fit(model, data)

# %%
show_table(history)

# %% [markdown]
# ## Layers
#
# The channels grow within a block and shrink at a transition.

# %%
show_layers(model, history)
save_figure(args, model.board)
