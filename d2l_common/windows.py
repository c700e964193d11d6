"""Windows of images, as views of arrays of any framework (sections 7.2 and 7.5)."""

from collections.abc import Iterator
from typing import Any


def shifted(X: Any, window_h: int, window_w: int) -> Iterator[Any]:
    """Yield the entries `(a, b)` of all windows of `X` at once, for each `(a, b)` in turn."""
    height, width = X.shape[-2] - window_h + 1, X.shape[-1] - window_w + 1
    for a in range(window_h):
        for b in range(window_w):
            yield X[..., a : a + height, b : b + width]
