"""Early stopping (section 5.5.3)."""

from collections.abc import Sequence

import numpy as np

from d2l_common.checks.arguments import check_count, check_nonnegative


def out_of_patience(
    losses: Sequence[float] | np.ndarray, patience: int, min_delta: float = 0
) -> bool:
    """
    Return whether the loss has not improved for `patience` epochs.

    Parameters
    ----------
    losses : array of shape `(num_epochs,)`
        Such as `history.val_loss`.
    patience : int
        At least 1.
    min_delta : float
        An improvement must be below the best loss so far by more than this.

    Raises
    ------
    TypeError, ValueError
        If `patience` is not an integer of at least 1, or `min_delta` is negative or not a number.

    Examples
    --------
    >>> out_of_patience([3.0, 2.0, 2.1, 2.2], patience=2)
    True
    >>> out_of_patience([3.0, 2.0, 2.1, 1.9], patience=2)
    False
    """
    check_count("patience", patience)
    check_nonnegative("min_delta", min_delta)
    best, since = np.inf, 0
    for loss in losses:
        # NaN does not improve: comparisons with it are false.
        best, since = (loss, 0) if loss < best - min_delta else (best, since + 1)
    return since >= patience
