"""
Tolerances of the comparison and of the parity suite, each with its reason.

Integers, labels, batch plans and shared initial weights have no row: they are equal to the bit.
"""

from typing import Any, NamedTuple

import numpy as np


class Tolerance(NamedTuple):
    """Forward-error bound `c * eps * condition` of one operation."""

    c: float
    condition: str
    reason: str


# One rounding is eps / 2, the unit in which a condition with c = 1/2 counts them; a sum of n terms
# in any order has n - 1 of them, and a mean two more where XLA multiplies by the reciprocal of n,
# rounded before. An elementary function is taken to be within 2 eps of the truth, the documented
# error of vectorized ones (1 to 2 units in the last place), unless its row gives its composition.
# `spread` is max(X) - X in each row, a one-hot matrix has the labels, and v is the gradient that
# comes back: the weight of each result in the number that is differentiated.
OPERATIONS: dict[str, Tolerance] = {
    # -- elementwise ------------------------------------------------------------------------------
    "exp": Tolerance(
        3,
        "exp(x)",
        "elementary; XLA's in float32 reaches 2.8 eps just below overflow, from 88.6, where there "
        "is no larger power of 2 to scale by",
    ),
    "gradient of exp": Tolerance(3.5, "|v| exp(x)", "as for exp, and a product"),
    "log": Tolerance(2, "|log(x)|", "elementary"),
    "gradient of log": Tolerance(0.5, "|v / x|", "a division"),
    "sin": Tolerance(2, "|sin(x)|", "elementary"),
    "gradient of sin": Tolerance(2.5, "|v cos(x)|", "elementary, and a product"),
    "cos": Tolerance(2, "|cos(x)|", "elementary"),
    "gradient of cos": Tolerance(2.5, "|v sin(x)|", "elementary, and a product"),
    "sinh": Tolerance(
        0.5,
        "(10 + |x|) |sinh(x)|",
        "XLA adds exp(x + log(1/2)): the sum's rounding is relative in the power; below 1 it adds "
        "two quotients of expm1",
    ),
    "gradient of sinh": Tolerance(0.5, "(10 + |x|) |v| cosh(x)", "cosh, and a product"),
    "cosh": Tolerance(0.5, "(10 + |x|) cosh(x)", "as for sinh"),
    "gradient of cosh": Tolerance(0.5, "(10 + |x|) |v sinh(x)|", "sinh, and a product"),
    "tanh": Tolerance(
        5,
        "|tanh(x)|",
        "XLA's is a quotient of polynomials without a documented error: the worst of 10 million "
        "numbers was 2.4 eps off in float32 and 3.9 in float64",
    ),
    "gradient of tanh": Tolerance(
        2, "|v| (1 + 5 |tanh(x)|)", "1 - tanh^2 has twice tanh's error, absolute, and 3 roundings"
    ),
    "sigmoid": Tolerance(3, "sigmoid(x)", "exp, a sum and a division"),
    "gradient of sigmoid": Tolerance(
        4.5,
        "|v| sigmoid(x)",
        "the errors of sigmoid and of 1 - sigmoid, 3 in all, and three roundings",
    ),
    "relu": Tolerance(0, "1", "exact"),
    "gradient of relu": Tolerance(0, "1", "exact"),
    "abs": Tolerance(0, "1", "exact"),
    "gradient of abs": Tolerance(0, "1", "exact"),
    "prelu": Tolerance(1, "|prelu(X)|", "alpha is rounded, and a product"),
    "gradient of prelu": Tolerance(1, "|v|", "alpha is rounded, and a product"),
    # -- softmax and losses -----------------------------------------------------------------------
    "softmax": Tolerance(
        0.5,
        "(spread + num_classes + log(num_classes) + 8) softmax",
        "two exps and a division 9, the sum num_classes - 1; the spread's rounding is relative in "
        "its power, and on average over the sum at most log(num_classes)",
    ),
    "gradient of softmax": Tolerance(
        0.5,
        "softmax ((k + 2) (|v| + mean|v|) + mean((k + num_classes) |v|)), means by softmax",
        "softmax (v - mean v), with softmax's k = spread + num_classes + log(num_classes) + 8",
    ),
    "softmax_cross_entropy": Tolerance(
        0.5,
        "2 loss + num_classes + 5 log(num_classes) + 3 for each; their mean + (n + 1) mean(loss)",
        "spread + log(sum exp(-spread)): the spread's rounding and the last sum's are 2 loss; the "
        "sum of exps has num_classes + 3 + log(num_classes), relative, as many absolute in its "
        "log; that is elementary",
    ),
    "gradient of softmax_cross_entropy": Tolerance(
        0.5,
        "((2 spread + num_classes + 6 log(num_classes) + 11) softmax + 3 one-hot) / n",
        "PyTorch takes the softmax as exp of the log, whose absolute error is relative in it; "
        "1 / n is rounded, and so are a product and a difference",
    ),
    "softmax_cross_entropy, smoothed": Tolerance(
        0.5,
        "sum w ((num_classes + 8) loss + num_classes + 5 log(num_classes) + 3), where loss is that "
        "of each class and w its target; their mean + (n + 1) mean(loss)",
        "a weighted sum of losses: as for softmax_cross_entropy, num_classes additions, and the "
        "weights, products and the mean are rounded",
    ),
    "gradient of softmax_cross_entropy, smoothed": Tolerance(
        0.5,
        "((2 spread + 2 num_classes + 6 log(num_classes) + 15) softmax + 6 target) / n",
        "as for softmax_cross_entropy, times the sum of the targets, which num_classes additions "
        "round; a target has two products",
    ),
    "cross_entropy": Tolerance(
        0.5, "4 |loss| for each; 4 mean|loss| + (n + 1) mean|loss|", "elementary, and a mean"
    ),
    "gradient of cross_entropy": Tolerance(1, "|gradient|", "1 / n is rounded, and a division"),
    "accuracy": Tolerance(0.5, "accuracy", "the float32 that is nearest to the share"),
    "squared_loss": Tolerance(1.5, "loss", "a difference, squared, and a product"),
    "gradient of squared_loss": Tolerance(1, "|v (y_hat - y)|", "a difference and a product"),
    # -- densities and information ----------------------------------------------------------------
    "normal_density": Tolerance(
        0.5,
        "(2.5 z^2 + 7) density, z = (x - mean) / std",
        "z has 2, its square 5, relative in the power as z^2 / 2 times that; exp 4; the constant "
        "and the division by it 3",
    ),
    "gradient of normal_density": Tolerance(
        0.5, "(2.5 z^2 + 13) |gradient|", "the density, z, a division and the products"
    ),
    "entropy": Tolerance(
        0.5, "(num_classes + 4) sum |p log(p)|", "log 4, a product, num_classes - 1 additions"
    ),
    "gradient of entropy": Tolerance(
        0.5, "(6 |log(p)| + 3) |v|", "v log(p) has 5, v p / p 2, and their sum one"
    ),
    "kl_divergence": Tolerance(
        0.5,
        "(num_classes + 5) sum (|p log(p)| + |p log(q)|)",
        "as for entropy, and a difference",
    ),
    "gradient of kl_divergence by p": Tolerance(
        3.5, "(|log(p)| + |log(q)| + 1) |v|", "logs 4, a product, and two sums"
    ),
    "gradient of kl_divergence by q": Tolerance(1, "|v p / q|", "a product and a division"),
    # -- products and sums ------------------------------------------------------------------------
    "matmul": Tolerance(
        0.5, "num_terms (|a| |b|)", "the classical bound of a dot product, in any order"
    ),
    "linreg": Tolerance(0.5, "(num_inputs + 1) (|X| |w| + |b|)", "a dot product and a sum"),
    "reduce_sum": Tolerance(0.5, "num_terms sum|x|", "num_terms - 1 additions, in any order"),
    "gradient of reduce_sum": Tolerance(0, "1", "exact"),
    "reduce_mean": Tolerance(0.5, "(num_terms + 1) mean|x|", "a sum, and a division"),
    "gradient of reduce_mean": Tolerance(1, "|gradient|", "1 / num_terms is rounded, a product"),
    "max pooling": Tolerance(0, "1", "exact"),
    "gradient of max pooling": Tolerance(
        0.5,
        "(num_windows + 1) sum (|v| / ties)",
        "a share of each window of which a pixel is the largest, and their sum",
    ),
    "gradient of average pooling": Tolerance(
        0.5, "(num_windows + 2) sum (|v| / window)", "1 / window is rounded, a product, and a sum"
    ),
    "sgd": Tolerance(1.5, "|param| + |lr grad|", "lr is rounded, a product and a difference"),
    "gradient of sgd": Tolerance(1, "|lr v|", "lr is rounded, and a product"),
    "clip_gradients": Tolerance(
        0.5,
        "(num_entries / 2 + 4) |result|",
        "a sum of squares, of which a root halves the relative error; the root, a division, a "
        "product, and the limit are rounded",
    ),
    "l2_penalty": Tolerance(0.5, "size penalty", "squares, and size - 1 additions"),
    "gradient of l2_penalty": Tolerance(0, "1", "exact: 2 w / 2"),
    "dropout_layer": Tolerance(
        1.5, "|result|", "1 - dropout is rounded, perhaps its reciprocal, and a division"
    ),
    "drop_path": Tolerance(1.5, "|result|", "as for dropout_layer"),
    "mixup": Tolerance(
        1.5, "|lam X| + |(1 - lam) X[perm]|", "the weights are rounded, two products and a sum"
    ),
    "gradient of mixup": Tolerance(
        1.5, "|lam v| + |(1 - lam) v| at its place", "as for mixup, whose transpose it is"
    ),
    "forward_propagation": Tolerance(
        0.5,
        "num_inputs |X| |W1| for Z and H; (num_inputs + num_hiddens) |X| |W1| |W2| = e for O; "
        "sum(|O - y| (e + |O - y|)) / n + (n num_outputs + 3) loss + (max size + 4) penalty",
        "dot products, whose errors pass through the ReLU and add up; a sum of squares each",
    ),
    "backpropagation": Tolerance(
        0.5,
        "(n + 6) (|H|^T |dO| + |lambd W2|), (n + num_outputs + 6) (|X|^T |dZ| + |lambd W1|); for "
        "autodiff also what the errors of H and O, as in forward_propagation, amount to in them",
        "dO has 3, a dot product over n its length, another over outputs, lambd W 2, their sum 1",
    ),
}


def forward_error_bound(operation: str, dtype: Any, condition: Any) -> np.ndarray:
    """
    Return the forward-error bound of an operation's result, `c * eps * condition`.

    Parameters
    ----------
    operation : str
        A row of `OPERATIONS`.
    dtype : str or dtype
        The precision in which the operation was computed.
    condition : array or number
        The quantity that the row names.

    Returns
    -------
    longdouble array
        At least the smallest normal number, since XLA counts subnormals as 0.
    """
    info = np.finfo(dtype)
    bound = OPERATIONS[operation].c * np.longdouble(info.eps) * np.asarray(condition, np.longdouble)
    return np.maximum(bound, np.longdouble(info.tiny))


class RunTolerance(NamedTuple):
    """Largest gaps allowed between two training runs."""

    loss: float
    weights: float
    reason: str


# A loss gap is in units of `loss + the loss of the zero model`, whose weights are all 0: a loss
# near 0 is a small difference of large numbers. A gap of weights is in norm, relative to the
# weights, tensor by tensor.
RUNS: dict[str, RunTolerance] = {
    "float64": RunTolerance(
        1e-12,
        1e-10,
        "roundings of 2e-16 a step that later steps amplify a little; bare loops of both "
        "frameworks were 4e-15 and 9e-14 apart after 2,350 steps",
    ),
    "float32": RunTolerance(
        1e-5,
        1e-4,
        "likewise, from roundings of 1e-7; bare loops of softmax regression were 5e-7 apart",
    ),
    "float32, first epoch of ReLUs": RunTolerance(
        1e-4,
        1e-2,
        "a pre-activation that rounds to the other side of 0 changes the path; bare loops of a "
        "perceptron were 4e-6 apart after one epoch and 1e-2 after ten, like runs one ulp apart",
    ),
}

# A run is chaotic where one ulp in the initial weights opens a gap above its bound: two programs
# are then as far apart as one program is from itself. Gaps of one cause scatter by
# factors of 2 to 4 from draw to draw (16 runs of a perceptron), and only a few are drawn, so the
# backends may part this many times as far as one ulp moves one of them.
ONE_ULP_SCATTER = 3

# Two layers compute the same in float64 if they are this close in norm: roundings are at 1e-15
# to 1e-13, the smallest mistakes that people make (an eps of 1e-7 too many) at 1e-8 or more.
SAME_LAYER = 1e-10

# Where one ulp in the weights moves outputs or loss of the first minibatch, both sides may be this
# many times as far apart: every operation on the way rounds, not the weights alone.
ROUNDINGS = 100

# A gradient below this share of the norm of all gradients may be 0 up to rounding (of biases
# before a normalization, and of an attention's keys, the share was 1e-16 to 1e-14) ...
ROUNDING_ONLY = 1e-12

# ... and is, if its share is this many times as large in float32: rounding grows by 5e8, a small
# gradient does not grow.
ROUNDING_GROWS = 1e4

# Gradients and updates of a step are the same in float64 if they are this close: what earlier
# steps have amplified is below it, and a mistake of an optimizer above.
SAME_UPDATE = 1e-8

# Runs in which one ulp moves the loss by more than this (in units of it plus the zero model's) show
# nothing: in float32 the mistakes that people look for are smaller, and float64 has to be far
# more exact to say anything that float32 does not.
SHOWS_NOTHING = {"float32": 1e-2, "float64": 1e-3}

# Where a model computes in float32, in half of it or in less, layers are the same if they are this
# close: some ten roundings of 6e-8, 5e-4 and 4e-3.
NARROW_LAYER = {"float32": 1e-6, "float16": 1e-2, "bfloat16": 5e-2}

# Constants are the same if they are this close: tables that each framework computes in float32
# differ by some roundings of 6e-8, and a wrong table by far more.
SAME_TABLE = 1e-5
