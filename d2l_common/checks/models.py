"""Checks of models, and the errors for what a model lacks."""

from typing import Any

from d2l_common.checks.arguments import check_nonnegative


def learning_rate(model: Any) -> float:
    """
    Return the `lr` of a model.

    Raises
    ------
    AttributeError
        If the model has no `lr`.
    TypeError, ValueError
        If `lr` is not a finite number, or is negative.
    """
    if not hasattr(model, "lr"):
        raise AttributeError(
            f"{type(model).__name__} has no lr: assign self.lr in __init__ (save_hyperparameters "
            "does so for an argument lr) or define configure_optimizers"
        )
    return check_nonnegative("lr", model.lr)


def missing_net(model: Any) -> AttributeError:
    """Return the error for a model without a network."""
    return AttributeError(
        f"{type(model).__name__} has no network: assign self.net in __init__ or define forward"
    )


def missing_trainer() -> RuntimeError:
    """Return the error for plotting without a trainer."""
    return RuntimeError("plot() needs a Trainer: it records within Trainer.fit")


def nothing_to_train(model: Any) -> ValueError:
    """Return the error for a model without parameters."""
    return ValueError(
        f"{type(model).__name__} has no parameters to train: assign tensors with requires_grad, "
        "or nnx.Params, or layers that have them"
    )


def nothing_learned() -> ValueError:
    """Return the error for a loss that depends on no parameter."""
    return ValueError(
        "the loss that training_step returned does not depend on the model's parameters, "
        "so nothing would be learned"
    )
