# %% [markdown]
"""
# VGG, blocks of convolutions (section 8.2)

A network is designed block by block: some 3 x 3 convolutions, then max pooling that halves height
and width. The book's run is `--full --lr 0.01 --batch-size 128`.
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
# minute. With `--full` all of them, at the book's 224 x 224.

# %%
data = few_images(d2l, args, size=32, full_size=224)

# %% [markdown]
# ## Model
#
# `arch` lists the number of convolutions and of channels in each block. The book's has five blocks
# with a quarter of VGG-11's channels; here there are three without `--full`.

# %%
show_source(d2l.VGG)


# %%
class SmallVGG(d2l.VGG):
    """VGG with few hidden units."""

    num_hiddens = 128


if args.full:
    model = d2l.VGG(((1, 16), (1, 32), (2, 64), (2, 128), (2, 128)), args.lr, len(data.classes))
else:
    model = SmallVGG(((1, 8), (1, 16), (2, 32)), args.lr, len(data.classes))
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
# Each block halves the height and the width, and the number of channels grows.

# %%
show_layers(model, history)
save_figure(args, model.board)
