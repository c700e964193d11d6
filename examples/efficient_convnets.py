# %% [markdown]
"""
# Depthwise separable convolutions, and branches that are fused (section 7.7 of 2026)

A convolution of each channel alone, then a 1 x 1 convolution of all channels: together they cost a
fraction of a full convolution. The book's run is `--full --lr 0.05 --batch-size 128`.
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
# `arch` lists the channels and the stride of each block of the small MobileNet. Without `--full`
# there are three blocks.

# %%
show_source(d2l.MiniMobileNet)

# %%
arch = {} if args.full else {"arch": ((16, 1), (32, 2), (64, 2))}
model = d2l.MiniMobileNet(**arch, lr=args.lr, num_classes=len(data.classes))
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
# Most parameters are in the 1 x 1 convolutions.

# %%
show_layers(model, history)

# %% [markdown]
# ## Fused branches
#
# RepVGG trains a 3 x 3 and a 1 x 1 convolution and the identity side by side. Afterwards `fuse`
# adds their weights up to one 3 x 3 convolution, which computes the same. The axes of channels
# differ by framework: eight of each axis suit both.

# %%
block = d2l.RepVGGBlock(8)
X = d2l.randn(4, 8, 8, 8)
block.eval()
gap = d2l.abs(d2l.relu(block.fuse()(X)) - block(X)).max()
print("RepVGG: 3 convolutions and identity fused, equal to 1e-5:", bool(gap < 1e-5))

# %%
save_figure(args, model.board)
