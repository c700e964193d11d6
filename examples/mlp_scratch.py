# %% [markdown]
"""
# A multilayer perceptron implemented from scratch (section 5.2.1)

Two linear layers with a ReLU between them: the first features are learned, too.
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
data = image_data(d2l, args)

# %% [markdown]
# ## Model
#
# Weights start small and random, so that the hidden units differ; biases start at 0.
# `d2l.MLPScratch` is this class, with its arguments checked.


# %%
class MLPScratch(d2l.Classifier):
    """A multilayer perceptron with one hidden layer, from scratch."""

    def __init__(self, num_inputs, num_outputs, num_hiddens, lr, sigma=0.01):
        super().__init__()
        self.save_hyperparameters()
        self.W1 = frameworks.parameter(d2l, sigma * d2l.randn(num_inputs, num_hiddens))
        self.b1 = frameworks.parameter(d2l, d2l.zeros(num_hiddens))
        self.W2 = frameworks.parameter(d2l, sigma * d2l.randn(num_hiddens, num_outputs))
        self.b2 = frameworks.parameter(d2l, d2l.zeros(num_outputs))

    def forward(self, X):
        """Return the logits `(n, num_outputs)` of images `(n, ...)`."""
        X = d2l.reshape(X, (len(X), -1))
        H = d2l.relu(d2l.matmul(X, self.W1[...]) + self.b1[...])
        return d2l.matmul(H, self.W2[...]) + self.b2[...]


model = MLPScratch(num_pixels(data), len(data.classes), args.num_hiddens, args.lr)
set_weights(d2l, model, args.seed)

# %% [markdown]
# ## Training
#
# From weights of 0.01 it starts slowly: the hidden layer's outputs are small, and so are the
# gradients.

# %% Training
trainer = d2l.Trainer(args.epochs, num_gpus=args.num_gpus)
history = trainer.fit(model, data)

# %%
show_table(history)
save_figure(args, model.board)
