"""
The notes' cells of chapters 4 and 5 that train, as written, and their counterparts in JAX.

They run on the 500 + 100 real images of Fashion-MNIST that lie beside the project, in `../data`
as in the book, for fewer epochs.
"""

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

import d2l_jax
import d2l_torch
from tests.support.paths import SAMPLE

TORCH_CELLS = [
    "data = d2l.FashionMNIST(resize=(32, 32))\nlen(data.train), len(data.val)",
    "data.train[0][0].shape",
    "X, y = next(iter(data.train_dataloader()))\nprint(X.shape, X.dtype, y.shape, y.dtype)",
    "batch = next(iter(data.val_dataloader()))\ndata.visualize(batch)",
    """
def softmax(X):
    X_exp = torch.exp(X)
    partition = X_exp.sum(1, keepdims=True)
    return X_exp / partition
""",
    """
class SoftmaxRegressionScratch(d2l.Classifier):
    def __init__(self, num_inputs, num_outputs, lr, sigma=0.01):
        super().__init__()
        self.save_hyperparameters()
        self.W = torch.normal(0, sigma, size=(num_inputs, num_outputs),
                              requires_grad=True)
        self.b = torch.zeros(num_outputs, requires_grad=True)
    def parameters(self):
        return [self.W, self.b]

@d2l.add_to_class(SoftmaxRegressionScratch)
def forward(self, X):
    X = X.reshape((-1, self.W.shape[0]))
    return softmax(torch.matmul(X, self.W) + self.b)

def cross_entropy(y_hat, y):
    return -torch.log(y_hat[list(range(len(y_hat))), y]).mean()

@d2l.add_to_class(SoftmaxRegressionScratch)
def loss(self, y_hat, y):
    return cross_entropy(y_hat, y)
""",
    """
data = d2l.FashionMNIST(batch_size=256)
model = SoftmaxRegressionScratch(num_inputs=784, num_outputs=10, lr=0.1)
trainer = d2l.Trainer(max_epochs=10)
trainer.fit(model, data)
""",
    """
X, y = next(iter(data.val_dataloader()))
preds = model(X).argmax(axis=1)
preds.shape
""",
    """
wrong = preds.type(y.dtype) != y
X, y, preds = X[wrong], y[wrong], preds[wrong]
labels = [a+'\\n'+b for a, b in zip(
    data.text_labels(y), data.text_labels(preds))]
data.visualize([X, y], labels=labels)
""",
    """
class MLPScratch(d2l.Classifier):
    def __init__(self, num_inputs, num_outputs, num_hiddens, lr, sigma=0.01):
        super().__init__()
        self.save_hyperparameters()
        self.W1 = nn.Parameter(torch.randn(num_inputs, num_hiddens) * sigma)
        self.b1 = nn.Parameter(torch.zeros(num_hiddens))
        self.W2 = nn.Parameter(torch.randn(num_hiddens, num_outputs) * sigma)
        self.b2 = nn.Parameter(torch.zeros(num_outputs))

def relu(X):
    a = torch.zeros_like(X)
    return torch.max(X, a)

@d2l.add_to_class(MLPScratch)
def forward(self, X):
    X = X.reshape((-1, self.num_inputs))
    H = relu(torch.matmul(X, self.W1) + self.b1)
    return torch.matmul(H, self.W2) + self.b2
""",
    """
model = MLPScratch(num_inputs=784, num_outputs=10, num_hiddens=256, lr=0.1)
data = d2l.FashionMNIST(batch_size=256)
trainer = d2l.Trainer(max_epochs=10)
trainer.fit(model, data)
""",
    """
class MLP(d2l.Classifier):
    def __init__(self, num_outputs, num_hiddens, lr):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Flatten(), nn.LazyLinear(num_hiddens),
                                 nn.ReLU(), nn.LazyLinear(num_outputs))
model = MLP(num_outputs=10, num_hiddens=256, lr=0.1)
trainer.fit(model, data)
""",
    """
x = torch.arange(-8.0, 8.0, 0.1, requires_grad=True)
y = torch.relu(x)
d2l.plot(x.detach(), y.detach(), 'x', 'relu(x)', figsize=(5, 2.5))
y.backward(torch.ones_like(x), retain_graph=True)
d2l.plot(x.detach(), x.grad, 'x', 'grad of relu', figsize=(5, 2.5))
""",
]

JAX_CELLS = [
    "data = d2l.FashionMNIST(resize=(32, 32))\nlen(data.train[0]), len(data.val[0])",
    "data.train[0][0].shape",
    "X, y = next(iter(data.train_dataloader()))\nprint(X.shape, X.dtype, y.shape, y.dtype)",
    "batch = next(iter(data.val_dataloader()))\ndata.visualize(batch)",
    """
def softmax(X):
    X_exp = jnp.exp(X)
    partition = X_exp.sum(1, keepdims=True)
    return X_exp / partition
""",
    """
class SoftmaxRegressionScratch(d2l.Classifier):
    def __init__(self, num_inputs, num_outputs, lr, sigma=0.01, rngs=None):
        super().__init__()
        self.save_hyperparameters(ignore=['rngs'])
        rngs = nnx.Rngs(d2l.get_key()) if rngs is None else rngs
        self.W = nnx.Param(rngs.params.normal((num_inputs, num_outputs)) * sigma)
        self.b = nnx.Param(jnp.zeros(num_outputs))

@d2l.add_to_class(SoftmaxRegressionScratch)
def forward(self, X):
    X = X.reshape((-1, self.W.shape[0]))
    return softmax(jnp.matmul(X, self.W) + self.b)

def cross_entropy(y_hat, y):
    return -jnp.log(y_hat[jnp.arange(len(y_hat)), y]).mean()

@d2l.add_to_class(SoftmaxRegressionScratch)
def loss(self, y_hat, y):
    return cross_entropy(y_hat, y)
""",
    """
data = d2l.FashionMNIST(batch_size=256)
model = SoftmaxRegressionScratch(num_inputs=784, num_outputs=10, lr=0.1)
trainer = d2l.Trainer(max_epochs=10)
trainer.fit(model, data)
""",
    """
X, y = next(iter(data.val_dataloader()))
preds = model(X).argmax(axis=1)
preds.shape
""",
    """
wrong = preds.astype(y.dtype) != y
X, y, preds = X[wrong], y[wrong], preds[wrong]
labels = [a+'\\n'+b for a, b in zip(
    data.text_labels(y), data.text_labels(preds))]
data.visualize([X, y], labels=labels)
""",
    """
class MLPScratch(d2l.Classifier):
    def __init__(self, num_inputs, num_outputs, num_hiddens, lr, sigma=0.01, rngs=None):
        super().__init__()
        self.save_hyperparameters(ignore=['rngs'])
        rngs = nnx.Rngs(d2l.get_key()) if rngs is None else rngs
        self.W1 = nnx.Param(rngs.params.normal((num_inputs, num_hiddens)) * sigma)
        self.b1 = nnx.Param(jnp.zeros(num_hiddens))
        self.W2 = nnx.Param(rngs.params.normal((num_hiddens, num_outputs)) * sigma)
        self.b2 = nnx.Param(jnp.zeros(num_outputs))

def relu(X):
    return jnp.maximum(X, 0)

@d2l.add_to_class(MLPScratch)
def forward(self, X):
    X = X.reshape((-1, self.num_inputs))
    H = relu(jnp.matmul(X, self.W1) + self.b1)
    return jnp.matmul(H, self.W2) + self.b2
""",
    """
model = MLPScratch(num_inputs=784, num_outputs=10, num_hiddens=256, lr=0.1)
data = d2l.FashionMNIST(batch_size=256)
trainer = d2l.Trainer(max_epochs=10)
trainer.fit(model, data)
""",
    """
class MLP(d2l.Classifier):
    def __init__(self, num_outputs, num_hiddens, lr, num_inputs=784, rngs=None):
        super().__init__()
        self.save_hyperparameters(ignore=['rngs'])
        rngs = nnx.Rngs(d2l.get_key()) if rngs is None else rngs
        self.net = nnx.Sequential(lambda X: X.reshape(X.shape[0], -1),
                                  nnx.Linear(num_inputs, num_hiddens, rngs=rngs), nnx.relu,
                                  nnx.Linear(num_hiddens, num_outputs, rngs=rngs))
model = MLP(num_outputs=10, num_hiddens=256, lr=0.1)
trainer.fit(model, data)
""",
    """
x = jnp.arange(-8.0, 8.0, 0.1)
y = jax.nn.relu(x)
d2l.plot(x, y, 'x', 'relu(x)', figsize=(5, 2.5))
grad_relu = jax.vmap(jax.grad(jax.nn.relu))
d2l.plot(x, grad_relu(x), 'x', 'grad of relu', figsize=(5, 2.5))
""",
]


@pytest.fixture
def book_folders(tmp_path, monkeypatch):
    """Work in a folder beside `data`, as the book's notebooks do."""
    if not SAMPLE.is_dir():
        pytest.skip("the sample of Fashion-MNIST is not beside this checkout")
    (tmp_path / "data").symlink_to(SAMPLE)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cells", "names", "printed"),
    [
        (
            TORCH_CELLS,
            {"d2l": d2l_torch, "torch": torch, "nn": nn},
            "torch.Size([64, 1, 32, 32]) torch.float32 torch.Size([64]) torch.int64\n",
        ),
        (
            JAX_CELLS,
            {"d2l": d2l_jax, "jax": jax, "jnp": jnp, "nnx": nnx},
            "(64, 32, 32, 1) float32 (64,) int32\n",
        ),
    ],
    ids=["torch", "jax"],
)
def test_cells_run(cells, names, printed, book_folders, capsys):
    space = dict(names)
    losses = []
    for cell in cells:
        exec(cell.replace("max_epochs=10", "max_epochs=3"), space)
        if "trainer.fit" in cell:
            points = space["model"].board.data
            losses.append([point.y for point in points["val_loss"]])
            assert len(losses[-1]) == 3
            assert len(points["val_acc"]) == 3
        space["d2l"].plt.close("all")
    assert capsys.readouterr().out == printed
    assert tuple(space["preds"].shape) == (space["wrong"].sum(),)
    assert len(losses) == 3
    for curve in losses:  # softmax regression, and both perceptrons, learn
        assert curve[-1] < curve[0]
    assert np.isfinite(losses).all()
