# %% [markdown]
"""
# ConvNeXt, a convolutional network with the design of transformers (section 7.6 of 2026)

Depthwise convolutions with large windows mix pixels, 1 x 1 convolutions mix channels, as attention
and the feed-forward layers of a transformer do.

The frameworks draw different masks of the blocks that examples skip, so the tables of epochs agree
only roughly. `--full --batch-size 128` trains the book's network.
"""

# %%
from common import save_figure, show_source, show_table, start
from networks import few_images, initialize, show_layers

d2l, args = start(
    __doc__,
    backend="jax",
    device="auto",
    images=True,
    epochs=8,
    batch_size=32,
    lr=0.05,
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
# `arch` lists the number of blocks and of channels in each stage. Without `--full` there are two
# narrow stages.

# %%
show_source(d2l.ConvNeXt)

# %%
arch = {} if args.full else {"arch": ((1, 16), (2, 32))}
model = d2l.ConvNeXt(**arch, lr=args.lr, num_classes=len(data.classes))
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
# The stem cuts the image into patches; each stage after the first halves height and width.

# %%
show_layers(model, history)
save_figure(args, model.board)
