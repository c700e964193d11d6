"""Errors of models that lack a part."""

from typing import Any


def missing_net(model: Any) -> AttributeError:
    """Return the error for a model without a network."""
    return AttributeError(
        f"{type(model).__name__} has no network: assign self.net in __init__ or define forward"
    )


def missing_loss(model: Any) -> NotImplementedError:
    """Return the error for a model without a loss."""
    return NotImplementedError(f"{type(model).__name__} has no loss: define loss(y_hat, y)")


def nothing_to_train(model: Any) -> ValueError:
    """Return the error for a model without parameters."""
    return ValueError(
        f"{type(model).__name__} has no parameters to train: assign tensors with requires_grad, "
        "or nnx.Params, or layers that have them"
    )


def no_shape_yet(name: str) -> ValueError:
    """Return the error for a parameter of a layer that has not had an input yet."""
    return ValueError(f"{name} has no shape yet; call the model on a minibatch first")
