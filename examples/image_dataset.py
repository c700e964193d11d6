# %% [markdown]
"""
# The image data set: shapes, labels, and how long a pass over it takes (section 4.2)

The images stay in memory at their own size, so a pass only gathers minibatches and resizes them.
"""

# %%
from common import image_data, save_figure, show, start

d2l, args = start(__doc__, backend="jax", images=True, batch_size=64, resize=32)

# %% [markdown]
# ## Reading
#
# Training and validation images are separate, and are read in minibatches.

# %%
timer = d2l.Timer()
data = image_data(d2l, args, resize=args.resize)
print(f"reading: {timer.stop():.2f} sec")
loaders = {"training": data.train_dataloader(), "validation": data.val_dataloader()}
for name, loader in loaders.items():
    print(f"{name}: {len(loader.arrays[-1])} images, {len(loader)} minibatches")
print("classes:", ", ".join(data.classes))

# %% [markdown]
# ## A minibatch
#
# Pixels are between 0 and 1. The axis of the channels is first in PyTorch and last in JAX. Labels
# are integers, and `text_labels` names their classes.

# %%
X, y = next(iter(loaders["validation"]))
kind = str(X.dtype).split(".")[-1]
print("X:", kind, "shape:", tuple(X.shape), f"from {float(X.min()):.0f} to {float(X.max()):.0f}")
show("the mean of its pixels", d2l.reduce_mean(X))
show("y", y[:8])
print("text_labels(y):", ", ".join(data.text_labels(y[:8])))

# %% [markdown]
# ## A pass
#
# The first minibatch is read before the clock starts, so that costs of the first use are not timed.
# JAX computes asynchronously: the pass ends when the last minibatch is there.

# %%
data.train_dataloader().first()
for passed in ("first", "second"):
    timer, examples = d2l.Timer(), 0
    for images, _ in data.train_dataloader():
        examples += len(images)
    d2l.numpy(images)
    print(f"{passed} pass over {examples} images: {timer.stop():.2f} sec")

# %% [markdown]
# ## The images

# %%
save_figure(args, data.visualize((X, y))[0].figure)
