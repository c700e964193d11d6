"""The book's two helpers for classes that grow over several cells (section 3.2.1)."""

import inspect
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def add_to_class(Class: type) -> Callable[[Function], Function]:
    """
    Make a decorator that registers a function as a method of an existing class.

    Instances that exist already have the method too. The function itself is returned, so that
    its name stays usable in the reader's notebook.

    Section 3.2.1 of the book.

    Parameters
    ----------
    Class : type
        The class that gets the method. A method of the same name is replaced.

    Returns
    -------
    callable
        The decorator.

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


class _InitSignature:
    """Signature of a class that shows the parameters of `__init__`, whatever the metaclass."""

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        # An instance, and a class without an __init__, have the signature that Python finds.
        if instance is not None or owner.__init__ is object.__init__:
            raise AttributeError("__signature__")
        signature = inspect.signature(owner.__init__)
        return signature.replace(parameters=list(signature.parameters.values())[1:])


class HyperParameters:
    """
    Base class of everything with hyperparameters (section 3.2.1 of the book).

    Examples
    --------
    >>> class B(HyperParameters):
    ...     def __init__(self, a, b, c):
    ...         self.save_hyperparameters(ignore=['c'])
    >>> B(a=1, b=2, c=3).hparams
    {'a': 1, 'b': 2}
    """

    # On a Flax NNX module every plain attribute is part of the key under which jit finds compiled
    # code, so the record is a tuple, which has a hash, and not the book's dict, which has none.
    _hparam_names: tuple[str, ...] = ()
    # Flax NNX has a metaclass whose __call__(*args, **kwargs) would stand in the help otherwise.
    __signature__ = _InitSignature()

    if TYPE_CHECKING:  # for the type checker, which cannot know what was saved

        def __getattr__(self, name: str) -> Any: ...

    @property
    def hparams(self) -> dict[str, Any]:
        """The saved hyperparameters by name, with the values that the attributes have now."""
        return {name: getattr(self, name) for name in self._hparam_names}

    @hparams.setter
    def hparams(self, values: dict[str, Any]) -> None:
        # The book's own implementation, which a reader may paste, assigns a dict.
        self._hparam_names = tuple(values)

    def save_hyperparameters(self, ignore: str | Iterable[str] | None = None) -> None:
        """
        Save the arguments of the calling `__init__` as attributes of the same names.

        As in the book, that is every local variable of the caller: a local that is assigned
        before this call is saved as well. Names that start with an underscore are not. When the
        `__init__` of a base class and that of a class derived from it both call this, `hparams`
        holds the names of both, in the order of the calls.

        Parameters
        ----------
        ignore : iterable of str, or str, optional
            Names that are not saved.

        Raises
        ------
        RuntimeError
            If the caller is no method of this object.
        """
        ignored = {ignore} if isinstance(ignore, str) else set(ignore or ())
        names = []
        for name, value in _own_locals(self, sys._getframe(1)).items():
            if name not in ignored:
                setattr(self, name, value)
                names.append(name)
        # dict.fromkeys drops duplicates and keeps the order.
        self._hparam_names = tuple(dict.fromkeys((*self._hparam_names, *names)))


def _own_locals(instance: object, frame: FrameType) -> dict[str, Any]:
    """Return the public local variables of the method of `instance` that runs in `frame`."""
    code, variables = frame.f_code, frame.f_locals
    # In a module or a notebook cell the locals are all the global names: never save those.
    if not code.co_argcount or variables.get(code.co_varnames[0]) is not instance:
        raise RuntimeError(
            "save_hyperparameters() saves the arguments of the method that calls it, "
            "so call it inside the object's own __init__"
        )
    # `f_locals` holds what the method uses of the functions around it, too.
    return {
        name: value
        for name, value in variables.items()
        if not name.startswith("_") and value is not instance and name not in code.co_freevars
    }
