# %% [markdown]
"""
# Softmax regression implemented from scratch (section 4.4)

One weight for each pixel and class: the logit of a class is a weighted sum of the pixels, and
softmax turns the logits into probabilities.
"""

# %%
import frameworks
from common import image_data, num_pixels, save_figure, set_weights, show_table, start

d2l, args = start(
    __doc__, backend="jax", device="auto", images=True, epochs=10, batch_size=256, lr=0.1
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
# `forward` returns probabilities: softmax divides the exponentials of the logits by their sum. The
# loss is the negative logarithm of the label's probability. `d2l.SoftmaxRegressionScratch` is this
# class, with its arguments checked.


# %%
class SoftmaxRegressionScratch(d2l.Classifier):
    """Softmax regression from scratch."""

    def __init__(self, num_inputs, num_outputs, lr, sigma=0.01):
        super().__init__()
        self.save_hyperparameters()
        self.W = frameworks.parameter(d2l, sigma * d2l.randn(num_inputs, num_outputs))
        self.b = frameworks.parameter(d2l, d2l.zeros(num_outputs))

    def forward(self, X):
        """Return the probabilities `(n, num_outputs)` of images `(n, ...)`."""
        X = d2l.reshape(X, (len(X), -1))
        return d2l.softmax(d2l.matmul(X, self.W[...]) + self.b[...])

    def loss(self, Y_hat, Y, averaged=True):
        """Return the cross-entropy of probabilities `(n, num_outputs)` and labels `(n,)`."""
        return d2l.cross_entropy(Y_hat, Y, averaged)


model = SoftmaxRegressionScratch(num_pixels(data), len(data.classes), lr=args.lr)
set_weights(d2l, model, args.seed)

# %% [markdown]
# ## Training

# %% Training
trainer = d2l.Trainer(args.epochs, num_gpus=args.num_gpus)
history = trainer.fit(model, data)

# %%
show_table(history)
save_figure(args, model.board)
