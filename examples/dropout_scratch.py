# %% [markdown]
"""
# Dropout implemented from scratch (section 5.6.2)

The layer alone, with a given mask, prints the same on both backends. In training the frameworks
draw different masks, so the tables of epochs agree only roughly.
"""

# %%
import numpy as np
from common import (
    image_data,
    num_pixels,
    save_figure,
    set_weights,
    show,
    show_source,
    show_table,
    start,
)

d2l, args = start(
    __doc__,
    backend="jax",
    device="auto",
    images=True,
    epochs=10,
    batch_size=256,
    lr=0.1,
    num_hiddens=256,
    dropout_1=0.5,
    dropout_2=0.5,
)
data = image_data(d2l, args)

# %% [markdown]
# ## The model
#
# Two hidden layers, and dropout after each while the model trains. A step in JAX takes its random
# key from the model, PyTorch draws from a generator, so the class is the library's.

# %%
show_source(d2l.DropoutMLPScratch)

# %%
model = d2l.DropoutMLPScratch(
    num_outputs=len(data.classes),
    num_hiddens_1=args.num_hiddens,
    num_hiddens_2=args.num_hiddens,
    dropout_1=args.dropout_1,
    dropout_2=args.dropout_2,
    lr=args.lr,
    num_inputs=num_pixels(data),
)
set_weights(d2l, model, args.seed, "he")

# %% [markdown]
# ## Training

# %% Training
trainer = d2l.Trainer(args.epochs, num_gpus=args.num_gpus)
history = trainer.fit(model, data)

# %%
show_table(history)

# %% [markdown]
# ## The layer alone
#
# Dropout sets each entry to 0 with probability `p`, and scales those that are kept by `1 / (1 - p)`
# so that the mean stays. A probability of 0 keeps everything, so its mask is all ones.

# %%
X = d2l.reshape(d2l.arange(16, dtype=d2l.float32), (2, 8))
mask = np.random.default_rng(args.seed).random((2, 8)) >= 0.5
print()
show("X", X)
show("mask", mask.astype(int))
for dropout in (0, 0.5, 1):
    kept = d2l.tensor(mask | (dropout == 0))
    show(f"dropout_layer(X, {dropout})", d2l.dropout_layer(X, dropout, mask=kept))

# %%
save_figure(args, model.board)
