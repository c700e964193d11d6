# %% [markdown]
"""
# Softmax regression with high-level APIs (section 4.5)

The same model as from scratch, of a layer. It returns logits, and the loss takes their softmax
itself: computed together, they neither overflow nor lose digits.
"""

# %%
import frameworks
from common import image_data, num_pixels, save_figure, set_weights, show_table, start

d2l, args = start(
    __doc__, backend="jax", device="auto", images=True, epochs=10, batch_size=256, lr=0.1
)
data = image_data(d2l, args)

# %% [markdown]
# ## Model
#
# The loss of a `Classifier` is the cross-entropy of logits, its optimizer SGD at `lr`.
# `d2l.SoftmaxRegression` is this class, with its arguments checked.


# %%
class SoftmaxRegression(d2l.Classifier):
    """Softmax regression, of one layer."""

    def __init__(self, num_inputs, num_outputs, lr):
        super().__init__()
        self.save_hyperparameters()
        layer = frameworks.linear(d2l, num_inputs, num_outputs)
        self.net = frameworks.sequential(d2l, frameworks.flatten(d2l), layer)

    def forward(self, X):
        """Return the logits `(n, num_outputs)` of images `(n, ...)`."""
        return self.net(X)


model = SoftmaxRegression(num_pixels(data), len(data.classes), lr=args.lr)
set_weights(d2l, model, args.seed)

# %% [markdown]
# ## Training

# %% Training
trainer = d2l.Trainer(args.epochs, num_gpus=args.num_gpus)
history = trainer.fit(model, data)

# %%
show_table(history)
save_figure(args, model.board)
