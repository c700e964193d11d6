"""The whole minibatch, as a process sees it that has a part of it (section 13.6)."""

from typing import Any

import torch
from torch import Tensor, distributed
from torch.backends import cudnn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from d2l_common.checks.images import check_several_values
from d2l_common.checks.parallel import part_of
from ..nn.batch_norm import moments

DROPOUTS = (
    *(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout),
    *(torch.dropout, torch.feature_dropout),
)
DRAWS = (
    *(torch.rand, torch.randn, torch.rand_like, torch.randn_like, torch.randint_like),
    *(torch.randint, torch.normal, torch.bernoulli, *DROPOUTS),
    *(F.rrelu, F.gumbel_softmax),
)
DRAWS_IN_PLACE = (
    *(Tensor.bernoulli_, Tensor.uniform_, Tensor.normal_, Tensor.random_, Tensor.exponential_),
    *(Tensor.cauchy_, Tensor.log_normal_, Tensor.geometric_),
)
RECURRENT = (torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu)
ATTENTION = (F.scaled_dot_product_attention, F.multi_head_attention_forward)
# What PyTorch's dropout calls for its mask: on a CPU in place, on a GPU with the input.
MASKS = (torch.ops.aten.bernoulli_.float, torch.ops.aten.native_dropout.default)


def is_random(func: Any, args: Any, kwargs: Any) -> bool:
    """Return whether a call draws: dropout does not in evaluation."""
    training = kwargs.get("training", args[2] if len(args) > 2 else True)
    return bool(training) or func not in DROPOUTS


def drops_inside(func: Any, args: Any, kwargs: Any) -> bool:
    """Return whether a call is of a recurrent layer, or of attention, that uses dropout."""
    if func in RECURRENT:  # of packed sequences, `batch_sizes` is one more argument
        num_layers, p, training = args[4:7] if isinstance(args[3], bool) else args[5:8]
        return bool(training and p and num_layers > 1)
    if func in ATTENTION:
        at = 4 if func is F.scaled_dot_product_attention else 10
        p = kwargs.get("dropout_p", args[at] if len(args) > at else 0)
        return bool(p and kwargs.get("training", True))
    return False


class Part:
    """
    The part of a minibatch that one of several processes takes.

    A minibatch of fewer than two examples a process is taken by each process as a whole: there is
    nothing to gain, and batch normalization needs two.

    Parameters
    ----------
    num_examples : int
        The size of the minibatch.
    rank, size : int
        The number of the process, and of processes.

    Attributes
    ----------
    rows : slice
        The examples of the process.
    weight : float
        Its share in the average over all processes.
    """

    def __init__(self, num_examples: int, rank: int, size: int):
        self.num_examples = num_examples
        is_whole = num_examples < 2 * size
        self.rows = slice(0, num_examples) if is_whole else part_of(num_examples, rank, size)
        self.weight = 1 / size if is_whole else len(self) / num_examples

    def __len__(self) -> int:
        """Return the number of examples of the process."""
        return self.rows.stop - self.rows.start


class Sum(torch.autograd.Function):
    """The sum of a tensor over all processes; its gradient is the sum of the gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return the sum."""
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        """Return the gradient by the tensor of this process."""
        return Sum.apply(grads[0].contiguous())  # so that it has a gradient, too


class WholeMasks(TorchDispatchMode):
    """
    Context in which dropout inside one operation of PyTorch draws masks for the whole minibatch.

    Parameters
    ----------
    part : Part
        The part of the minibatch that this process has.
    func : callable
        The operation, of `RECURRENT` or `ATTENTION`. Masks of the former have shape
        `(num_steps, n, num_hiddens)`, and those of attention `(n, ...)` or `(n * num_heads, ...)`.
    is_batched : bool
        Whether the operation's input has a batch axis, which that of packed sequences has not.

    Raises
    ------
    ValueError
        If a mask has no axis for the examples of the part.
    """

    def __init__(self, part: Part, func: Any, is_batched: bool):
        super().__init__()
        self._part, self._name, self._is_batched = part, func.__name__, is_batched
        self._axis = 1 if func in RECURRENT else 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call an operation inside the one of this context."""
        if func not in MASKS:
            return func(*args, **(kwargs or {}))
        x, axis, n = args[0], self._axis, len(self._part)
        count, rest = divmod(x.shape[axis], n)  # entries of an example, such as its heads
        if rest or not self._is_batched:
            raise ValueError(
                f"input of {self._name} with dropout must have the {n} examples of this process "
                f"on its batch axis, got a mask of shape {tuple(x.shape)}; "
                "pad packed sequences, call it on the minibatch, or set its dropout to 0"
            )

        def rows_of(whole: Tensor) -> Tensor:
            return whole.narrow(axis, self._part.rows.start * count, n * count)

        size = (*x.shape[:axis], self._part.num_examples * count, *x.shape[axis + 1 :])
        whole = x.new_zeros(size)
        rows_of(whole).copy_(x)
        drawn = func(whole, *args[1:])
        return x.copy_(rows_of(drawn)) if drawn is whole else tuple(map(rows_of, drawn))


class WholeMinibatch(TorchFunctionMode):
    """
    Context in which a part of a minibatch gets the numbers that it gets in the whole.

    Each process draws random numbers for the whole minibatch and takes its rows of them, so that
    masks of dropout are those of one process, and the random streams of all stay alike. Batch
    normalization takes mean and variance over all processes. What has as many rows as the part
    counts as one value an example.
    """

    def __init__(self, part: Part):
        super().__init__()
        self._part = part

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of PyTorch, or what stands for it."""
        kwargs = kwargs or {}
        is_whole = len(self._part) == self._part.num_examples
        if drops_inside(func, args, kwargs) and not is_whole:
            is_batched = (*args, *kwargs.values())[0].ndim > 2
            # On a GPU, cuDNN and fused attention would draw masks where no mode can reach them.
            with cudnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
                with WholeMasks(self._part, func, is_batched):
                    return func(*args, **kwargs)
        if func in DRAWS and is_random(func, args, kwargs):
            return self._rows_of(func(*self._whole(args), **self._whole(kwargs)))
        if func in DRAWS_IN_PLACE:
            return args[0].copy_(self._rows_of(func(*self._whole(args), **self._whole(kwargs))))
        if func is F.batch_norm:
            return self._batch_norm(*args, **kwargs)
        if func is moments:
            return self._moments(*args)
        return func(*args, **kwargs)

    def _whole(self, arguments: Any) -> Any:
        """Return arguments with the sizes, and tensors of the size, of the whole minibatch."""

        def enlarged(x: Any) -> Any:
            if isinstance(x, Tensor) and x.ndim and len(x) == len(self._part):
                whole = x.new_zeros((self._part.num_examples, *x.shape[1:]))
                return whole.index_put((self._indices(x),), x)
            return x

        def is_size(x: Any) -> bool:
            return isinstance(x, tuple | list) and all(isinstance(i, int) for i in x)

        def enlarged_size(x: Any) -> Any:
            if is_size(x) and x and x[0] == len(self._part):
                return (self._part.num_examples, *x[1:])
            return enlarged(x)

        return pytree.tree_map(enlarged_size, arguments, is_leaf=lambda x: is_size(x))

    def _rows_of(self, whole: Tensor) -> Tensor:
        """Return the rows of the process."""
        is_whole = whole.ndim and len(whole) == self._part.num_examples
        return whole[self._part.rows] if is_whole else whole

    def _indices(self, x: Tensor) -> Tensor:
        return torch.arange(self._part.rows.start, self._part.rows.stop, device=x.device)

    def _moments(self, X: Tensor) -> tuple[Tensor, Tensor, int]:
        """Return mean and biased variance of each channel, and the number of values of each."""
        (mean, var, n), part = moments(X), self._part
        whole_mean: Any = Sum.apply(part.weight * mean)
        whole_var: Any = Sum.apply(part.weight * (var + (mean - whole_mean) ** 2))
        return whole_mean, whole_var, n // len(part) * part.num_examples

    def _batch_norm(
        self,
        X: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """Return `F.batch_norm` of the whole minibatch."""
        if not training:
            return F.batch_norm(X, running_mean, running_var, weight, bias, False, momentum, eps)
        # In float32 at least, as in PyTorch's operation.
        mean, var, n = self._moments(X if X.dtype == torch.float64 else X.float())
        check_several_values(n, X.shape)
        if running_mean is not None and running_var is not None:
            running_mean.mul_(1 - momentum).add_(momentum * mean.detach())
            running_var.mul_(1 - momentum).add_(momentum * (n / (n - 1)) * var.detach())
        # PyTorch's own operation does not differentiate by mean and variance: their gradients go
        # through scale and shift, which have the values of weight and bias.
        fixed_mean, fixed_var = mean.detach(), var.detach()
        scale = torch.rsqrt(var + eps) * (1 if weight is None else weight)
        shift = (fixed_mean - mean) * scale + (0 if bias is None else bias)
        scale = scale * torch.sqrt(fixed_var + eps)
        return F.batch_norm(X, fixed_mean, fixed_var, scale, shift, False, momentum, eps)
