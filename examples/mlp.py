# %% [markdown]
"""
# A multilayer perceptron with high-level APIs (section 5.2.2)

The same perceptron as from scratch, of the layers that each framework brings, and from larger
initial weights.
"""

# %%
import frameworks
from common import image_data, num_pixels, save_figure, set_weights, show_table, start

d2l, args = start(
    __doc__,
    backend="jax",
    device="auto",
    images=True,
    epochs=10,
    batch_size=256,
    lr=0.1,
    num_hiddens=256,
)

# %% [markdown]
# ## Data
#
# Fashion-MNIST, or scikit-learn's digits if it can be neither found nor downloaded.

# %%
data = image_data(d2l, args)

# %% [markdown]
# ## Model
#
# A `Classifier` returns `net(X)`, its loss is the cross-entropy, and its optimizer SGD at `lr`.
# `d2l.MLP` is this class, with its arguments checked.


# %%
class MLP(d2l.Classifier):
    """A multilayer perceptron with one hidden layer."""

    def __init__(self, num_inputs, num_outputs, num_hiddens, lr):
        super().__init__()
        self.save_hyperparameters()
        self.net = frameworks.sequential(
            d2l,
            frameworks.flatten(d2l),
            frameworks.linear(d2l, num_inputs, num_hiddens),
            frameworks.relu(d2l),
            frameworks.linear(d2l, num_hiddens, num_outputs),
        )


model = MLP(num_pixels(data), len(data.classes), args.num_hiddens, args.lr)

# %% [markdown]
# He's initial weights keep the size of the signal from layer to layer. They depend on the seed
# alone, so both backends start from the same.

# %%
set_weights(d2l, model, args.seed, "he")

# %% [markdown]
# ## Training

# %% Training
trainer = d2l.Trainer(args.epochs, num_gpus=args.num_gpus)
history = trainer.fit(model, data)

# %%
show_table(history)
save_figure(args, model.board)
