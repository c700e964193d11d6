# %% [markdown]
"""
# Dropout with high-level APIs (section 5.6.3)

The frameworks draw different masks, so the tables of epochs agree only roughly. Validation drops
nothing.
"""

# %%
from common import image_data, num_pixels, save_figure, set_weights, show_source, show_table, start

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
# ## Model
#
# A perceptron with two hidden layers, and a dropout layer after each. The layers keep their random
# streams, each framework in its own way, so the class is the library's.

# %%
show_source(d2l.DropoutMLP)

# %%
model = d2l.DropoutMLP(
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
save_figure(args, model.board)
