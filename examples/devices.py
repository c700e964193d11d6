"""
Devices, and the memory that training needs (section 6.7).

Tensors and models are made on a device and stay there. Parameters, gradients and the optimizer take
the same memory for any minibatch; results that the gradient needs grow with it.
"""

import frameworks
from common import Section, set_weights, show

WIDTH, DEPTH = 128, 16


def show_placement(d2l, seed):
    """Print where tensors and a model are."""
    devices = d2l.try_all_gpus()
    print(f"GPUs: {d2l.num_gpus()}; devices in use: {len(devices)}")
    print(f"without GPU 7, try_gpu(7) is the CPU: {d2l.try_gpu(7) == d2l.cpu()}")
    for device in (d2l.cpu(), d2l.try_gpu()):
        with d2l.use_device(device):
            X = d2l.ones(2, 3)
            layer = frameworks.linear(d2l, 3, 1)
            set_weights(d2l, layer, seed, "he")
            Y = layer(X)
        print(f"on its device, X: {X.device == device}, and the outputs: {Y.device == device}")
        show("their values", d2l.to(Y, d2l.cpu()))


def mean_square(d2l):
    """Return a function, the mean square of a deep network's outputs."""

    def loss(params, X):
        for W in params:
            X = d2l.relu(d2l.matmul(X, W))
        return d2l.reduce_mean(X * X)

    return loss


def show_memory(d2l, seed):
    """Print what fills the memory: parameters and optimizer, and results that grow with a batch."""
    shapes = {f"{i:02}.weight": (WIDTH, WIDTH) for i in range(DEPTH)}
    weights = d2l.initial_weights(shapes, seed, "he").values()
    params = [d2l.tensor(W, dtype=d2l.float32) for W in weights]
    number = sum(d2l.size(W) for W in params)
    print(f"\n{DEPTH} layers of {WIDTH}: {number:,} parameters, 4 bytes each")
    print(f"weights, gradients, two averages of Adam: {4 * 4 * number / 2**20:.2f} MiB in all")
    for n in (256, 1024, 4096):
        outputs = n * WIDTH * DEPTH * 4
        _, kept = d2l.memory_of_training(mean_square(d2l), params, d2l.ones(n, WIDTH))
        print(f"batch {n:4}: outputs of all layers {outputs / 2**20:5.2f} MiB in all")
        print(f"            kept for the gradient {kept / 2**20:5.2f} MiB")


def run(d2l, options):
    """Print placement and memory."""
    show_placement(d2l, options.seed)
    show_memory(d2l, options.seed)


if __name__ == "__main__":
    Section(__doc__, run, draws=False).main()
