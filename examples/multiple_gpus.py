# %% [markdown]
"""
# Training on several devices (sections 13.5 and 13.6)

Each device holds a copy of the parameters and computes the gradient of its part of a minibatch. The
sum of the gradients updates every copy, so that all stay equal, and equal to those of one device.
"""

# %%
import frameworks
from common import show, start

from d2l_common.arrays import to_numpy

d2l, args = start(
    __doc__,
    backend="jax",
    draws=False,
    devices=2,
    epochs=5,
    batch_size=128,
    lr=0.03,
)

# %% [markdown]
# ## Devices
#
# Without GPUs the CPU stands for all of them: in JAX it counts as several devices, and in PyTorch
# each part computes on the same one. That shows how it works; it is not faster.

# %%
devices = frameworks.several_devices(d2l, args.devices, on_gpu=args.num_gpus > 0)
print(f"devices: {len(devices)}")

# %% [markdown]
# `split_batch` gives each device its part of a minibatch.

# %%
X, y = d2l.reshape(d2l.arange(20), (10, 2)), d2l.arange(10)
for X_part, y_part in zip(*d2l.split_batch(X, y, devices), strict=True):
    print(f"inputs {tuple(X_part.shape)}, labels {tuple(y_part.shape)}")

# %% [markdown]
# `allreduce` adds up tensors and gives each device the sum.

# %%
data = [d2l.to(d2l.ones(1, 2) * (i + 1), device) for i, device in enumerate(devices)]
show("on the last device", data[-1])
show("the sum, there", d2l.allreduce(data)[-1])

# %% [markdown]
# ## From scratch
#
# Linear regression, a function of its parameters, on 1024 examples. The parameters have the names
# and the layout of a layer, so that the concise model below can start from the same numbers.


# %%
def make_data():
    """Return the data; each time the minibatches are the same, in the same order."""
    w = d2l.tensor([2, -3.4])
    return d2l.SyntheticRegressionData(
        w, 4.2, num_train=1024, batch_size=args.batch_size, seed=args.seed
    )


def loss(params, X, y):
    """Return the loss of each example."""
    y_hat = d2l.matmul(X, d2l.transpose(params["net.weight"])) + params["net.bias"]
    return d2l.reshape((y_hat - y) ** 2, -1)


weights = d2l.initial_weights({"net.weight": (1, 2), "net.bias": (1,)}, args.seed)

# %% [markdown]
# `d2l.train_batch` is these lines, with its arguments checked. Each device has its own copy of the
# parameters.


# %%
def train_batch(X, y, device_params, devices, lr):
    """Return the parameters of all devices after a step of minibatch SGD."""

    def total_loss(params, X, y):
        return d2l.reduce_sum(loss(params, X, y))

    parts = zip(device_params, *d2l.split_batch(X, y, devices), strict=True)
    grads = [d2l.grad(total_loss)(params, X, y) for params, X, y in parts]
    sums = {name: d2l.allreduce([grad[name] for grad in grads]) for name in grads[0]}
    return [
        {name: param - lr * sums[name][i] / len(X) for name, param in params.items()}
        for i, params in enumerate(device_params)
    ]


def copies(devices):
    """Return the initial parameters on each device."""
    params = {name: d2l.tensor(W, dtype=d2l.float32) for name, W in weights.items()}
    return [{name: d2l.to(W, device) for name, W in params.items()} for device in devices]


X, y = next(iter(make_data().train_dataloader()))
own = train_batch(X, y, copies(devices), devices, args.lr)
step = d2l.train_batch(X, y, copies(devices), devices, args.lr, loss)
gap = max(float(abs(to_numpy(own[-1][x]) - to_numpy(step[-1][x])).max()) for x in weights)
print(f"a step, equal to that of d2l.train_batch to 1e-6: {gap < 1e-6}")

# %% [markdown]
# Training on any devices, and the comparison of two runs.


# %%
def train(devices):
    """Return the parameters of the first device, and its validation loss after each epoch."""
    data = make_data()
    X_val, y_val = (d2l.concat(parts) for parts in zip(*data.val_dataloader(), strict=True))
    params = copies(devices)
    losses = []
    for _ in range(args.epochs):
        for X, y in data.train_dataloader():
            params = train_batch(X, y, params, devices, args.lr)
        losses.append(float(d2l.reduce_mean(loss(params[0], X_val, y_val))))
    return params[0], losses


def largest_difference(one, other):
    """Return the largest difference between the numbers of two lists."""
    return max(float(abs(to_numpy(a) - to_numpy(b)).max()) for a, b in zip(one, other, strict=True))


def compare(name, params, losses):
    """Print how far parameters and losses are from those of one device."""
    gaps = [
        largest_difference([params[x] for x in weights], [params_of_one[x] for x in weights]),
        largest_difference(losses, losses_of_one),
    ]
    print(f"{name}, largest difference to one device: weights {gaps[0]:.1e}, losses {gaps[1]:.1e}")
    print(f"{name}, as on one device to 1e-5: {max(gaps) < 1e-5}")


# %% [markdown]
# One device and several start from the same weights and take the same steps. Their numbers differ
# by rounding alone, since sums are taken in another order.

# %%
params_of_one, losses_of_one = train(devices[:1])
params, losses = train(devices)
show("validation losses, one device", d2l.tensor(losses_of_one))
show("validation losses, all devices", d2l.tensor(losses))
compare("from scratch", params, losses)

# %% [markdown]
# ## Concise
#
# The same model as a layer, and a Trainer that splits the minibatches and averages the gradients.


# %%
class LinearRegression(d2l.Module):
    """Linear regression as one layer of the framework."""

    def __init__(self, num_inputs, lr):
        super().__init__()
        self.save_hyperparameters()
        self.net = frameworks.linear(d2l, num_inputs, 1)

    def forward(self, X):
        """Return the predictions `(n, 1)`."""
        return self.net(X)

    def loss(self, y_hat, y):
        """Return the mean squared error."""
        return d2l.reduce_mean((y_hat - y) ** 2)

    def configure_optimizers(self):
        """Return minibatch SGD."""
        return frameworks.sgd_of(d2l, self, ["net"])


model = LinearRegression(2, args.lr)
d2l.import_weights(model, weights)

# %% [markdown]
# In JAX one process computes on all devices. In PyTorch each device has a process, and `torchrun`
# starts them: on two, `torchrun --nproc-per-node 2 examples/multiple_gpus.py --backend torch`.

# %%
num_devices = frameworks.num_training_devices(d2l, args.devices)
trainer = d2l.Trainer(args.epochs, num_gpus=args.num_gpus, num_devices=num_devices)
history = trainer.fit(model, make_data())
print(f"the Trainer's devices: {num_devices}")
compare("concise", d2l.export_weights(model), history.val_loss)
if num_devices < args.devices:
    print(
        f"on {args.devices} devices: torchrun --nproc-per-node {args.devices} "
        "examples/multiple_gpus.py --backend torch"
    )
