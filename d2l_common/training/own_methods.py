"""Which methods are still the library's, and which the reader has redefined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OwnMethods:
    """
    The library's functions for what readers redefine most, kept when the library is imported.

    A whole epoch at once, and checks ahead of it, are for models and trainers that do what the
    library does. A method counts as redefined whether a subclass, an instance or a patch of the
    library's own class did it.
    """

    prepare_batch: Callable[..., Any]
    plot: Callable[..., Any]
    training_step: Callable[..., Any]
    validation_steps: tuple[Callable[..., Any], ...]

    @classmethod
    def of(cls, trainer: Any, module: Any, classifier: Any) -> OwnMethods:
        """Keep the methods of a backend's classes `Trainer`, `Module` and `Classifier`."""
        return cls(
            trainer.prepare_batch,
            module.plot,
            module.training_step,
            (module.validation_step, classifier.validation_step),
        )

    def prepares_nothing(self, trainer: Any) -> bool:
        """Return whether `prepare_batch` is the library's."""
        return function_of(trainer, "prepare_batch") is self.prepare_batch

    def plots(self, model: Any) -> bool:
        """Return whether the model's `plot` is the library's."""
        return function_of(model, "plot") is self.plot

    def steps(self, model: Any) -> bool:
        """Return whether the model's steps are the library's: outputs, then a loss of targets."""
        validation_step = function_of(model, "validation_step")
        return function_of(model, "training_step") is self.training_step and any(
            validation_step is step for step in self.validation_steps
        )

    def losses(self, model: Any) -> bool:
        """Return whether loss and accuracy of the model are the library's, of any of its models."""
        functions = [function_of(model, name) for name in ("loss", "accuracy")]
        # What a notebook's cell defines may be in no module.
        modules = [getattr(function, "__module__", None) or "" for function in functions]
        return all(name.startswith(("d2l_jax.", "d2l_torch.")) for name in modules)


def function_of(instance: Any, name: str) -> Any:
    """Return the function behind the method `name` of `instance`; None if it is no method."""
    return getattr(getattr(instance, name, None), "__func__", None)
