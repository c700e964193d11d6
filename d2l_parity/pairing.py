"""The pairs of arrays of two models, and what was decided by a guess."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from d2l_parity.layer import Layer

# The choice between matrices as they are and transposed ones, where neither shape nor kind decides.
SQUARES = "square matrices"

# The choice between patches whose channels come first and those whose channels come last.
PATCHES = "patches"

# The choice between arrays of three axes that are kernels of one's own, and others.
KERNELS = "kernels"

# The choice between arrays of one shape and arrays of one name, whose axes are in another order.
NAMES = "names before shapes"


@dataclass
class Pairing:
    """
    Pairs of arrays of two models.

    Attributes
    ----------
    names : dict
        `{name of the array in JAX, in PyTorch's spelling: name in PyTorch}`.
    transposed : set of str
        The names in JAX of matrices that PyTorch holds transposed, and of arrays whose axes it has
        in another order.
    kernels : set of str
        The names in JAX of arrays of the user's own that are the kernel of a layer in the other
        model, or the other way round.
    channels_last : set of str
        The names in JAX of weights of a convolution in one model and of a linear layer on patches,
        flattened channels last, in the other.
    guessed : dict
        `{place in JAX: name in PyTorch}` of layers or arrays that neither names nor shapes decide.
    left_out : list of str
        Sentences on the state of one model that the other does not have.
    alone : dict
        `{"jax" or "torch": [layers of one array]}` of the parameters of one model that the other
        does not have.
    choices : list
        What was decided by a guess, and can be decided otherwise: groups of layers,
        `SQUARES`, `PATCHES`, `NAMES` and `KERNELS`.
    """

    names: dict[str, str] = field(default_factory=dict)
    transposed: set[str] = field(default_factory=set)
    kernels: set[str] = field(default_factory=set)
    channels_last: set[str] = field(default_factory=set)
    guessed: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    alone: dict[str, list[Layer]] = field(default_factory=dict)
    choices: list[Hashable] = field(default_factory=list)
