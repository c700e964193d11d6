# %% [markdown]
"""
# Linear regression implemented from scratch (section 3.4)

A prediction is a weighted sum of the features and a bias. Minibatch SGD moves the weights against
the gradient of the squared loss until they are those that made the data.
"""

# %%
import frameworks
from common import save_figure, set_weights, show_table, start, synthetic_data

d2l, args = start(__doc__, backend="jax", device="auto", epochs=10, batch_size=32, lr=0.03)

# %% [markdown]
# ## Data
#
# Labels `2 x1 - 3.4 x2 + 4.2` with noise of standard deviation 0.01.

# %%
data = synthetic_data(d2l, args)

# %% [markdown]
# ## Model
#
# Small random weights, and a bias of 0. The loss is half the squared error, on average over the
# minibatch. `d2l.LinearRegressionScratch` is this class, with its arguments checked.


# %%
class LinearRegressionScratch(d2l.Module):
    """Linear regression from scratch."""

    def __init__(self, num_inputs, lr, sigma=0.01):
        super().__init__()
        self.save_hyperparameters()
        self.w = frameworks.parameter(d2l, sigma * d2l.randn(num_inputs, 1))
        self.b = frameworks.parameter(d2l, d2l.zeros(1))

    def forward(self, X):
        """Return the predictions `(n, 1)` for examples `(n, num_inputs)`."""
        return d2l.matmul(X, self.w[...]) + self.b[...]

    def loss(self, y_hat, y):
        """Return the mean of half the squared errors."""
        return d2l.reduce_mean((y_hat - y) ** 2 / 2)

    def configure_optimizers(self):
        """Return minibatch SGD: each step subtracts `lr` times the gradient."""
        return frameworks.scratch_sgd(d2l, [self.w, self.b], self.lr)


model = LinearRegressionScratch(num_inputs=len(data.w), lr=args.lr)

# %% [markdown]
# Initial weights that depend only on the seed let both backends print the same numbers.

# %%
set_weights(d2l, model, args.seed)

# %% [markdown]
# ## Training
#
# The loss falls to that of the noise: half of 0.01 squared.

# %% Training
trainer = d2l.Trainer(args.epochs, num_gpus=args.num_gpus)
history = trainer.fit(model, data)

# %%
show_table(history)
save_figure(args, model.board)
