"""Layers that learn their number of inputs from the first minibatch."""

from typing import Any


class LearnsInit:
    """
    Mixin of PyTorch's lazy layers that can be given an `init` before their shape is known.

    Attributes
    ----------
    init : callable or None
        `init(layer)` is called once the layer has its shape.
    """

    init: Any = None

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the layer its shape and initial weights; called by PyTorch."""
        is_new = self.has_uninitialized_params()  # type: ignore[attr-defined]
        super().initialize_parameters(*args, **kwargs)  # type: ignore[misc]
        if is_new and self.init is not None:
            self.init(self)

    def forward(self, X: Any) -> Any:
        """Return the outputs of the layer that this one has become, which checks its inputs."""
        return type(self).forward(self, X)  # PyTorch looks `forward` up before the layer changes
