# %% [markdown]
"""
# Linear regression with high-level APIs (section 3.5)

The same model as from scratch, of a layer, a loss and an optimizer that each framework brings.
"""

# %%
import frameworks
from common import save_figure, set_weights, show_table, start, synthetic_data

d2l, args = start(__doc__, backend="jax", device="auto", epochs=10, batch_size=32, lr=0.03)
data = synthetic_data(d2l, args)

# %% [markdown]
# ## Model
#
# A linear layer holds the weights and the bias. The mean squared error of the frameworks has no
# factor 1/2, so a step is twice as long as from scratch. `d2l.LinearRegression` is this class, with
# its arguments checked; without a `configure_optimizers` the optimizer is SGD at `lr`.


# %%
class LinearRegression(d2l.Module):
    """Linear regression, of one layer."""

    def __init__(self, num_inputs, lr):
        super().__init__()
        self.save_hyperparameters()
        self.net = frameworks.linear(d2l, num_inputs, 1)

    def forward(self, X):
        """Return the predictions `(n, 1)` for examples `(n, num_inputs)`."""
        return self.net(X)

    def loss(self, y_hat, y):
        """Return the mean squared error."""
        return d2l.reduce_mean((y_hat - y) ** 2)


model = LinearRegression(num_inputs=len(data.w), lr=args.lr)
set_weights(d2l, model, args.seed)

# %% [markdown]
# ## Training
#
# The loss falls to that of the noise, 0.01 squared.

# %% Training
trainer = d2l.Trainer(args.epochs, num_gpus=args.num_gpus)
history = trainer.fit(model, data)

# %%
show_table(history)
save_figure(args, model.board)
