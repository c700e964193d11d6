# %% [markdown]
"""
# Weight decay implemented from scratch (section 3.7.3)

20 examples of 200 features: without the decay (`--lambd 0`) the model memorizes them. A penalty on
the size of the weights holds it back.
"""

# %%
import numpy as np
from common import save_figure, set_weights, show_table, start

d2l, args = start(
    __doc__, backend="jax", device="auto", epochs=10, batch_size=5, lr=0.01, lambd=3.0
)

# %% [markdown]
# ## Data
#
# The labels are `0.05 + 0.01 (x1 + ... + x200)` with noise. With more features than examples many
# weights fit the training data exactly, and most of them are wrong.

# %%
data = d2l.HighDimensionalData(
    num_train=20, num_val=100, num_inputs=200, batch_size=args.batch_size, seed=args.seed
)

# %% [markdown]
# ## Model
#
# Linear regression from scratch, whose loss has one more term: `lambd` times half the sum of the
# squared weights. `d2l.WeightDecayScratch` is this class, with its arguments checked.


# %%
class WeightDecayScratch(d2l.LinearRegressionScratch):
    """Linear regression with a penalty on the weights in its loss."""

    def __init__(self, num_inputs, lambd, lr, sigma=0.01):
        super().__init__(num_inputs, lr, sigma)
        self.save_hyperparameters()

    def loss(self, y_hat, y):
        """Return the mean of half the squared errors plus `lambd` times the penalty."""
        return super().loss(y_hat, y) + self.lambd * d2l.l2_penalty(self.w[...])


model = WeightDecayScratch(num_inputs=data.num_inputs, lambd=args.lambd, lr=args.lr)
model.board.yscale = "log"
set_weights(d2l, model, args.seed)

# %% [markdown]
# ## Training

# %% Training
trainer = d2l.Trainer(args.epochs, num_gpus=args.num_gpus)
history = trainer.fit(model, data)

# %% [markdown]
# The norm of the weights is smaller than without the penalty.

# %%
show_table(history)
print(f"L2 norm of w: {np.linalg.norm(d2l.export_weights(model)['w']):.4f}")
save_figure(args, model.board)
