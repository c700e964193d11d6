"""The book's two helpers for classes that grow over several cells (section 3.2.1)."""

import inspect
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from d2l_common.descriptions import Described

Function = TypeVar("Function", bound=Callable[..., Any])


def add_to_class(Class: type) -> Callable[[Function], Function]:
    """
    Return a decorator that registers a function as a method of `Class` (section 3.2.1).

    Existing instances get the method too. The decorator returns the function itself, so that its
    name stays usable in the notebook.

    Parameters
    ----------
    Class : type
        The class that gets the method; a method of the same name is replaced.

    Examples
    --------
    >>> class A:
    ...     def __init__(self):
    ...         self.b = 1
    >>> a = A()
    >>> @add_to_class(A)
    ... def do(self):
    ...     print('Class attribute "b" is', self.b)
    >>> a.do()
    Class attribute "b" is 1
    """

    def register(function: Function) -> Function:
        setattr(Class, function.__name__, function)
        return function

    return register


class InitSignature:
    """Signature of a class that shows the parameters of `__init__`, whatever the metaclass."""

    def __get__(self, instance: object, owner: Any) -> inspect.Signature:
        # An instance, and a class without an __init__, have the signature that Python finds.
        if instance is not None or owner.__init__ is object.__init__:
            raise AttributeError("__signature__")
        signature = inspect.signature(owner.__init__)
        return signature.replace(parameters=list(signature.parameters.values())[1:])


class HyperParameters(Described):
    """
    Base class of everything that has hyperparameters (section 3.2.1).

    Examples
    --------
    >>> class B(HyperParameters):
    ...     def __init__(self, a, b, c):
    ...         self.save_hyperparameters(ignore=['c'])
    >>> B(a=1, b=2, c=3).hparams
    {'a': 1, 'b': 2}
    """

    # The plain attributes of a Flax NNX module are part of the key of the jit cache, so this is a
    # tuple, which can be hashed, and not the book's dict, which cannot.
    _hparam_names: tuple[str, ...] = ()
    # Flax NNX has a metaclass whose __call__(*args, **kwargs) would stand in the help otherwise.
    __signature__ = InitSignature()

    if TYPE_CHECKING:  # the type checker cannot infer what was saved

        def __getattr__(self, name: str) -> Any: ...

    @property
    def hparams(self) -> dict[str, Any]:
        """The saved hyperparameters by name, with the current values of the attributes."""
        return {name: getattr(self, name) for name in self._hparam_names}

    @hparams.setter
    def hparams(self, values: dict[str, Any]) -> None:
        # The book's implementation, which a reader may paste, assigns a dict.
        self._hparam_names = tuple(values)

    def save_hyperparameters(self, ignore: str | Iterable[str] | None = None) -> None:
        """
        Save the arguments of the calling `__init__` as attributes of the same names.

        As in the book, every local variable of the caller is saved, also one that is assigned
        before this call; names that start with an underscore are not. If a class and its base
        class both call this, `hparams` holds the names of both, in the order of the calls.

        Parameters
        ----------
        ignore : iterable of str, or str, optional
            Names that are not saved.

        Raises
        ------
        RuntimeError
            If the caller is not a method of this object.
        """
        ignored = {ignore} if isinstance(ignore, str) else set(ignore or ())
        names = []
        for name, value in _public_locals(self, sys._getframe(1)).items():
            if name not in ignored:
                setattr(self, name, value)
                names.append(name)
        # dict.fromkeys drops duplicates and keeps the order.
        self._hparam_names = tuple(dict.fromkeys((*self._hparam_names, *names)))


def _public_locals(instance: object, frame: FrameType) -> dict[str, Any]:
    """Return the public local variables of the method of `instance` that runs in `frame`."""
    code, variables = frame.f_code, frame.f_locals
    # In a module or a notebook cell the locals are the globals, which must not be saved.
    if not code.co_argcount or variables.get(code.co_varnames[0]) is not instance:
        raise RuntimeError(
            "save_hyperparameters() must be called by a method of the object; call it in __init__"
        )
    # `f_locals` also holds the variables of enclosing functions that the method uses.
    return {
        name: value
        for name, value in variables.items()
        if not name.startswith("_") and value is not instance and name not in code.co_freevars
    }
