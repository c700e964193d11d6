# %% [markdown]
"""
# GoogLeNet, parallel branches (section 8.4)

An Inception block looks at the image through windows of several sizes at once, and puts the results
together as channels. The book's run is `--full --lr 0.01 --batch-size 128`.
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
# `arch` lists the blocks of each stage, and for each the channels of its four branches. Without
# `--full` there are few and narrow ones, and Adam.

# %%
show_source(d2l.GoogleNet)


# %%
class SmallGoogleNet(d2l.GoogleNet):
    """GoogLeNet with few and narrow blocks and Adam."""

    arch = (
        ((8, (8, 16), (4, 8), 8),),
        ((16, (8, 16), (4, 8), 8), (16, (8, 24), (4, 8), 8)),
        ((16, (16, 32), (4, 8), 8),),
    )

    def configure_optimizers(self):
        """Return Adam."""
        return adam(d2l, self)


network = d2l.GoogleNet if args.full else SmallGoogleNet
model = network(args.lr, len(data.classes))
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
# The stages are the stem, then the blocks, and a linear layer of all channels' means.

# %%
show_layers(model, history)
save_figure(args, model.board)
