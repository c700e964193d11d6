# %% [markdown]
"""
# AlexNet (section 8.1)

The network that won the ImageNet contest of 2012: deeper and wider than LeNet, with ReLU, max
pooling and dropout. `--full --lr 0.01 --batch-size 128` is the book's run, for a GPU.
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
# The first images of a data set, enlarged to 67 x 67 pixels, so that a CPU needs less than a
# minute. With `--full` all of them, at the book's 224 x 224.

# %%
data = few_images(d2l, args, size=67, full_size=224)

# %% [markdown]
# ## Model
#
# Five convolutions with large windows first, then two wide linear layers with dropout. Without
# `--full` a subclass has fewer channels and units.

# %%
show_source(d2l.AlexNet)


# %%
class SmallAlexNet(d2l.AlexNet):
    """AlexNet with few channels and units."""

    channels = (16, 32, 48, 48, 32)
    num_hiddens = 128


network = d2l.AlexNet if args.full else SmallAlexNet
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
# The output shape of each layer and its number of parameters. Most of them are in the linear
# layers.

# %%
show_layers(model, history)
save_figure(args, model.board)
