# %% [markdown]
"""
# Network in network (section 8.3)

Convolutions of 1 x 1 are linear layers for each pixel. With them in each block, the network needs
no large linear layer at its end: the mean of a feature map is the logit of a class. The book's run
is `--full --lr 0.05 --batch-size 128`.
"""

# %%
from common import save_figure, show_source, show_table, start
from networks import adam, few_images, initialize, show_layers

d2l, args = start(
    __doc__,
    backend="jax",
    device="auto",
    images=True,
    epochs=15,
    batch_size=32,
    lr=0.003,
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
# Without `--full` a subclass has few channels, and Adam.

# %%
show_source(d2l.NiN)


# %%
class SmallNiN(d2l.NiN):
    """Network in network with few channels and Adam."""

    channels = (16, 32, 48)

    def configure_optimizers(self):
        """Return Adam."""
        return adam(d2l, self)


network = d2l.NiN if args.full else SmallNiN
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
# The last block has a channel for each class, which global average pooling turns into a logit.

# %%
show_layers(model, history)
save_figure(args, model.board)
