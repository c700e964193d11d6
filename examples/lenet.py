"""LeNet, a convolutional network (section 7.6)."""

from functools import partial

import frameworks
from common import Example, image_data


def make_model(d2l, data, options):
    """Return LeNet with the optimizer Adam: plain SGD learns nothing from small data sets."""

    class LeNet(d2l.LeNet):
        def configure_optimizers(self):
            return frameworks.adamw(d2l, self, wd=0)

    return LeNet(options.lr, num_classes=len(data.classes))


def report(d2l, run, options):
    """Print the layers, their output shapes and parameters."""
    run.model.layer_summary((1, 28, 28, 1) if d2l.__name__ == "d2l_jax" else (1, 1, 28, 28))


EXAMPLE = Example(
    __doc__,
    partial(image_data, resize=(28, 28)),
    make_model,
    lr=0.003,
    epochs=10,
    batch_size=64,
    images=True,
    scheme="xavier",
    report=report,
)

if __name__ == "__main__":
    EXAMPLE.main()
