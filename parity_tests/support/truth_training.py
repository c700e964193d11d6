"""The truth of steps, penalties, dropout and a perceptron's two passes (chapters 3 and 5)."""

from types import SimpleNamespace

import numpy as np

from parity_tests.support.draws import FINITE, LONG, MODERATE
from parity_tests.support.truth import gradient, value, weighted

# -- steps, penalties and dropout -------------------------------------------------------------

LR = 0.1  # no float32, so that its rounding counts


def sgd(d2l, param, grad):
    return d2l.sgd(param, grad, LR)


def two(source):
    return source.reals(*source.shape), source.reals(*source.shape)


value(
    "sgd",
    two,
    sgd,
    lambda param, grad: (param - LR * grad, np.abs(param) + np.abs(LR * grad)),
)
gradient(
    "sgd",
    lambda source: (*two(source), source.weights(*source.shape)),
    weighted(sgd),
    lambda param, grad, v: (-LR * v, np.abs(LR * v)),
    by=1,
)


LIMIT = 2.0


def clip(d2l, *gradients):
    """Clip gradients to a norm: they are arguments in JAX, and on a model in PyTorch."""
    trainer = d2l.Trainer(max_epochs=1)
    if d2l.__name__ == "d2l_jax":
        return tuple(trainer.clip_gradients(LIMIT, gradients))
    params = [SimpleNamespace(grad=gradient.clone()) for gradient in gradients]
    trainer.clip_gradients(LIMIT, SimpleNamespace(parameters=lambda: params))
    return tuple(param.grad for param in params)


def exact_clip(one, other):
    norm = np.sqrt((one**2).sum() + (other**2).sum())
    scale = np.where(norm > LIMIT, LIMIT / norm, 1)
    # Below the limit, by more than any rounding of the norm, gradients stay as they are.
    k = np.where(norm < 0.99 * LIMIT, 0, (one.size + other.size) / 2 + 4)
    return tuple((g * scale, k * np.abs(g * scale)) for g in (one, other))


value(
    "clip_gradients",
    lambda source: (source.reals(*source.shape), source.reals(source.num_columns)),
    clip,
    exact_clip,
    # The squares have to be within the range; where they are not, so is the norm.
    scales=(1e-15, *MODERATE, 1e15),
)


def exact_penalty(w):
    penalty = (w**2).sum() / 2
    return penalty, w.size * penalty


def reals(source):
    return (source.reals(*source.shape),)


value("l2_penalty", reals, lambda d2l, w: d2l.l2_penalty(w), exact_penalty, shapes=LONG)
gradient("l2_penalty", reals, lambda d2l, w: d2l.l2_penalty(w), lambda w: (w, np.zeros(w.shape)))


for dropout in (0, 0.3, 1):

    def layer(d2l, X, mask, *, dropout=dropout):
        return d2l.dropout_layer(X, dropout, mask=mask)

    def exact_layer(X, mask, dropout=dropout):
        kept = np.zeros_like(X) if dropout == 1 else X * mask / (1 - dropout)
        return kept, np.abs(kept)

    def exact_layer_gradient(X, mask, v, dropout=dropout):
        return exact_layer(v, mask, dropout)

    def masked(source):
        return source.reals(*source.shape), source.mask(*source.shape)

    def masked_and_weights(source):
        return *masked(source), source.weights(*source.shape)

    value(f"dropout_layer of {dropout}", masked, layer, exact_layer, "dropout_layer")
    gradient(
        f"dropout_layer of {dropout}",
        masked_and_weights,
        weighted(layer),
        exact_layer_gradient,
        row="dropout_layer",
    )


# -- a perceptron, forward and back -----------------------------------------------------------

HIDDEN, OUTPUTS, LAMBD = 6, 2, 0.1


def perceptron(source):
    W1, W2 = source.reals(source.num_columns, HIDDEN), source.weights(HIDDEN, OUTPUTS)
    return source.weights(*source.shape), source.weights(source.n, OUTPUTS), W1, W2


def forward(d2l, X, y, W1, W2):
    objective, intermediates = d2l.forward_propagation({"W1": W1, "W2": W2}, X, y, LAMBD)
    return objective, *(intermediates[name] for name in "ZHO")


def objective(d2l, *args):
    return forward(d2l, *args)[0]


def exact_forward(X, y, W1, W2):
    Z = X @ W1
    H = np.maximum(Z, 0)
    O = H @ W2
    sizes = np.abs(X) @ np.abs(W1)
    # Of the hidden layer, in roundings; and of the outputs, where those errors add up.
    of_Z = len(W1) * sizes
    of_O = (len(W1) + len(W2)) * (sizes @ np.abs(W2))
    n = np.asarray(len(X), X.dtype)
    error, penalties = O - y, (W1**2).sum() / 2 + (W2**2).sum() / 2
    loss = (error**2).sum() / 2 / n
    of_loss = (np.abs(error) * (of_O + np.abs(error))).sum() / n + (error.size + 3) * loss
    of_penalty = (max(W1.size, W2.size) + 4) * LAMBD * penalties
    return (
        (loss + LAMBD * penalties, of_loss + of_penalty),
        (Z, of_Z),
        (H, of_Z),
        (O, of_O),
    )


def exact_backward(X, y, W1, W2, Z, H, O):
    n = np.asarray(len(X), X.dtype)
    dO = (O - y) / n
    dZ = (dO @ W2.T) * (Z > 0)
    sizes = (np.abs(dO) @ np.abs(W2.T)) * (Z > 0)
    dW1 = X.T @ dZ + LAMBD * W1
    dW2 = H.T @ dO + LAMBD * W2
    k = len(X) + 6
    return (
        (dW1, (k + OUTPUTS) * (np.abs(X.T) @ sizes + np.abs(LAMBD * W1))),
        (dW2, k * (np.abs(H.T) @ np.abs(dO) + np.abs(LAMBD * W2))),
    )


def backward(d2l, X, y, W1, W2, *intermediates):
    named = dict(zip("ZHO", intermediates, strict=True))
    gradients = d2l.backpropagation({"W1": W1, "W2": W2}, X, y, named, LAMBD)
    return gradients["W1"], gradients["W2"]


def with_intermediates(source):
    args = perceptron(source)
    with np.errstate(invalid="ignore"):
        results = exact_forward(*args)[1:]
    return *args, *(result.astype(source.dtype) for result, _ in results)


value("forward_propagation", perceptron, forward, exact_forward, scales=MODERATE)
value(
    "backpropagation",
    with_intermediates,
    backward,
    exact_backward,
    scales=MODERATE,
    # Compiled, XLA selects where the mask of the ReLU multiplies: 0 times NaN is 0 then.
    kinds=(*FINITE, "subnormal"),
)


def gradient_by(name):
    """Return the truth of autodiff's gradient, whose `Z`, `H` and `O` have errors of their own."""

    def truth(X, y, W1, W2):
        (_, _), (Z, of_Z), (H, _), (O, of_O) = exact_forward(X, y, W1, W2)
        (dW1, of_dW1), (dW2, of_dW2) = exact_backward(X, y, W1, W2, Z, H, O)
        n = np.asarray(len(X), X.dtype)
        if name == "W2":
            return dW2, of_dW2 + np.abs(H.T) @ (of_O / n) + of_Z.T @ (np.abs(O - y) / n)
        of_dW1 = of_dW1 + np.abs(X.T) @ ((of_O / n) @ np.abs(W2.T))
        # A pre-activation that may round to the other side of 0 leaves its unit's gradient open.
        near = (np.abs(Z) <= of_Z * np.finfo(np.float32).eps) & (of_Z > 0)
        return dW1, np.where(near.any(axis=0), np.inf, of_dW1)

    return truth


for by, name in ((2, "W1"), (3, "W2")):
    gradient(
        f"forward_propagation by {name}",
        perceptron,
        objective,
        gradient_by(name),
        by,
        row="backpropagation",
        scales=MODERATE,
        kinds=FINITE,
    )
