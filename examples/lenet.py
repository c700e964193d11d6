# %% [markdown]
"""
# LeNet, a convolutional network (section 7.6)

Two convolutions with pooling find features, three linear layers classify them. A convolution has
the same few weights at each place of the image, where a linear layer has a weight for each pixel.
"""

# %%
from common import image_data, save_figure, show_source, show_table, start
from networks import adam, initialize

d2l, args = start(
    __doc__, backend="jax", device="auto", images=True, epochs=10, batch_size=64, lr=0.003
)

# %% [markdown]
# ## Data

# %%
data = image_data(d2l, args, resize=(28, 28))

# %% [markdown]
# ## Model

# %%
show_source(d2l.LeNet)

# %% [markdown]
# The optimizer is Adam: plain SGD learns nothing from small data sets.


# %%
class LeNet(d2l.LeNet):
    """LeNet with Adam."""

    def configure_optimizers(self):
        """Return Adam."""
        return adam(d2l, self)


model = LeNet(args.lr, num_classes=len(data.classes))
initialize(d2l, model, data, args.seed, "xavier")

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
# The output shape of each layer and its number of parameters.

# %%
X, _ = data.val_dataloader().first()
model.layer_summary((1, *X.shape[1:]))
save_figure(args, model.board)
