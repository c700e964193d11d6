# %% [markdown]
"""
# Parameters: their names, gradients and bytes, tied and frozen (section 6.2)

A layer that stands twice in a model has one set of parameters; its gradients add up.
"""

# %%
import frameworks
import numpy as np
from common import set_weights, show, start

d2l, args = start(__doc__, backend="jax", draws=False)
rng = np.random.default_rng(args.seed)
X, y = (d2l.tensor(rng.standard_normal((8, n)), dtype=d2l.float32) for n in (4, 1))

# %% [markdown]
# ## A model of two parts


# %%
class Perceptron(d2l.Module):
    """A model of two parts, `body` and `head`; only the head is trained."""

    def __init__(self, *layers, lr=0.1):
        super().__init__()
        self.lr = lr
        self.body = frameworks.sequential(d2l, *layers)
        self.head = frameworks.linear(d2l, 4, 1)

    def forward(self, X):
        """Return the outputs `(n, 1)` for examples `(n, 4)`."""
        return self.head(self.body(X))

    def loss(self, y_hat, y):
        """Return the mean of half the squared errors."""
        return d2l.reduce_mean(d2l.squared_loss(y_hat, y))

    def configure_optimizers(self):
        """Return SGD of the head alone."""
        return frameworks.sgd_of(d2l, self, ["head"])


model = Perceptron(frameworks.linear(d2l, 4, 4), frameworks.relu(d2l))
set_weights(d2l, model, args.seed, "he")

# %% [markdown]
# ## The table of parameters
#
# Each with its name, shape, bytes, and the size of its gradient.

# %%
gradients = frameworks.gradients(d2l, model, lambda model: model.loss(model(X), y))
print(f"{'parameter':16}{'shape':>8}{'bytes':>7}{'norm':>9}{'gradient':>10}")
for name, W in sorted(d2l.export_weights(model).items()):
    norms = f"{np.linalg.norm(W):9.4f}{np.linalg.norm(gradients[name]):10.4f}"
    print(f"{name:16}{W.shape!s:>8}{W.nbytes:7}{norms}")

# %% [markdown]
# ## Tied parameters
#
# The same layer twice, against two layers with its weights: the gradient of the shared weights is
# the sum of the two.

# %%
shared, relu = frameworks.linear(d2l, 4, 4), frameworks.relu(d2l)
tied = Perceptron(shared, relu, shared)
set_weights(d2l, tied, args.seed, "he")
weights = d2l.export_weights(tied)
print(f"\ntied: {sorted(weights)}")

untied = Perceptron(frameworks.linear(d2l, 4, 4), relu, frameworks.linear(d2l, 4, 4))
copies = {name.replace("body.0", "body.2"): array for name, array in weights.items()}
d2l.import_weights(untied, {**weights, **copies})

# %%
of_tied, of_untied = (
    frameworks.gradients(d2l, model, lambda model: d2l.reduce_sum(model(X)))
    for model in (tied, untied)
)
both = of_untied["body.0.weight"] + of_untied["body.2.weight"]
show("gradient of the tied weights", np.linalg.norm(of_tied["body.0.weight"]))
show("of the first use", np.linalg.norm(of_untied["body.0.weight"]))
show("of the second use", np.linalg.norm(of_untied["body.2.weight"]))
print(f"their sum: {np.allclose(of_tied['body.0.weight'], both, atol=1e-5)}")

# %% [markdown]
# ## Frozen parameters
#
# Five steps with the optimizer of the head. The body stays as it is.


# %%
class Data(d2l.DataModule):
    """All examples in one minibatch."""

    batch_size = len(X)

    def get_dataloader(self, train):
        """Return the loader of the examples."""
        return self.get_tensorloader((X, y), train)


before = d2l.export_weights(model)
history = d2l.Trainer(5).fit(model, Data())
print()
for name, W in sorted(d2l.export_weights(model).items()):
    print(f"{name:16} changed: {not np.array_equal(W, before[name])}")
show("loss, with the body frozen", history.train_loss)
