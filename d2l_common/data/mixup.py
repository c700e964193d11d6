"""The loss under mixup (section 7.5 of 2026)."""

from collections.abc import Callable
from typing import Any


def mixup_loss(loss: Callable[..., Any], y_hat: Any, y_a: Any, y_b: Any, lam: Any) -> Any:
    """
    Return `lam * loss(y_hat, y_a) + (1 - lam) * loss(y_hat, y_b)` (section 7.5 of 2026).

    Cross-entropy is linear in its targets, so this is the cross-entropy of the mixed targets.

    Parameters
    ----------
    loss : callable
        Such as the `loss` of a model.
    y_hat : tensor of shape `(n, ...)`
        The predictions for `X_mixed`.
    y_a, y_b, lam
        As `mixup` returns them.
    """
    return lam * loss(y_hat, y_a) + (1 - lam) * loss(y_hat, y_b)
