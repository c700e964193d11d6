"""Whole training runs, from equal weights on equal batches, stay as close as design promises."""

import numpy as np
import pytest
from support import BACKENDS, precision, train

from d2l_common.weights import initial_weights

# Per-step loss gap, in units of the loss plus the loss of the zero model (that of a model that
# knows nothing, so that a loss near 0 does not make the bound vanish); and the gap of the final
# weights, relative in norm, tensor by tensor. Rounding errors of one step, amplified a little by
# those that follow: bare loops of both frameworks are 5e-7 apart after 2,350 steps in float32.
LOSS_GAP = {"float32": 1e-5, "float64": 1e-12}
WEIGHT_GAP = {"float32": 1e-4, "float64": 1e-10}

NUM_PIXELS, NUM_CLASSES = 784, 10


def regression_data(d2l, **keywords):
    return d2l.SyntheticRegressionData(w=d2l.tensor([2, -3.4]), b=4.2, **keywords)


def digits(d2l, **keywords):
    return d2l.Digits(batch_size=100, **keywords)  # 1,437 training images: a ragged last batch


def images_60000(d2l):
    """Return 60,000 and 10,000 images of full size, made from Digits by noise and shifts."""
    data = d2l.Digits(batch_size=256, resize=(28, 28))
    rng = np.random.default_rng(0)

    def grow(images, labels, n):
        rows = rng.integers(0, len(images), n)
        shifts = range(-3, 4)
        blocks = zip(np.array_split(images[rows], 7), shifts, strict=True)
        grown = np.concatenate([np.roll(block, shift, axis=(1, 2)) for block, shift in blocks])
        return grown // 2 + rng.integers(0, 128, grown.shape, np.uint8), labels[rows]

    parts = []
    for part, n in ((data.train, 60_000), (data.val, 10_000)):
        images, labels = part if isinstance(part, tuple) else (part.data, part.targets)
        parts.append(grow(np.asarray(images), np.asarray(labels), n))
    if isinstance(data.train, tuple):
        data.train, data.val = parts
    else:
        data.train, data.val = (type(data.train)(*part) for part in parts)
    return data


CASES = {
    "linear regression scratch": (
        lambda d2l: d2l.LinearRegressionScratch(num_inputs=2, lr=0.03),
        regression_data,
        {"w": (2, 1), "b": (1,)},
    ),
    "linear regression": (
        lambda d2l: d2l.LinearRegression(num_inputs=2, lr=0.03),
        regression_data,
        {"weight": (1, 2), "bias": (1,)},
    ),
    "softmax regression scratch": (
        lambda d2l: d2l.SoftmaxRegressionScratch(64, NUM_CLASSES, lr=0.5),
        digits,
        {"W": (64, NUM_CLASSES), "b": (NUM_CLASSES,)},
    ),
    "softmax regression": (
        lambda d2l: d2l.SoftmaxRegression(NUM_CLASSES, lr=0.5, num_inputs=64),
        digits,
        {"weight": (NUM_CLASSES, 64), "bias": (NUM_CLASSES,)},
    ),
}


CASES |= {
    "weight decay scratch": (
        lambda d2l: d2l.WeightDecayScratch(num_inputs=200, lambd=3, lr=0.01),
        lambda d2l: d2l.HighDimensionalData(20, 100, 200, batch_size=8),
        {"w": (200, 1), "b": (1,)},
    ),
    "weight decay": (
        lambda d2l: d2l.WeightDecay(wd=3, lr=0.01, num_inputs=200),
        lambda d2l: d2l.HighDimensionalData(20, 100, 200, batch_size=8),
        {"weight": (1, 200), "bias": (1,)},
    ),
    "polynomial": (
        lambda d2l: d2l.LinearRegression(num_inputs=4, lr=0.01),
        lambda d2l: d2l.PolynomialData(),
        {"weight": (1, 4), "bias": (1,)},
    ),
}


def fixed_masks(d2l):
    """Return a dropout model whose masks are the same in every step, and on both backends."""

    class Masked(d2l.DropoutMLPScratch):
        def masked(self, H, seed):
            mask = np.random.default_rng(seed).random((100, H.shape[1])) > 0.5
            return d2l.dropout_layer(H, 0.5, mask=d2l.tensor(mask)[: len(H)])

        def forward(self, X):
            H1 = self.masked(d2l.relu(self.lin1(d2l.reshape(X, (len(X), -1)))), 1)
            H2 = self.masked(d2l.relu(self.lin2(H1)), 2)
            return self.lin3(H2)

    return Masked(NUM_CLASSES, 32, 16, 0.5, 0.5, lr=0.1, num_inputs=64)


# Models with ReLUs: in float32 a pre-activation that rounds to the other side of 0 changes the
# path, so that a long run is judged by what one ulp in the initial weights does.
RELU_CASES = {
    "MLP scratch": (lambda d2l: d2l.MLPScratch(64, NUM_CLASSES, 32, lr=0.5), digits),
    "MLP": (lambda d2l: d2l.MLP(NUM_CLASSES, 32, lr=0.5, num_inputs=64), digits),
    "dropout of fixed masks": (fixed_masks, digits),
}


def zero_model_loss(make_model, make_data, dtype):
    """Return the first loss of a model whose weights are all 0."""
    d2l = BACKENDS["torch"]
    with precision(dtype):
        model = make_model(d2l)
        zeros = {name: 0 * array for name, array in d2l.export_weights(model).items()}
        return train(d2l, make_model, make_data, zeros, epochs=1)[0].train_loss[0]


def check_runs(make_model, make_data, shapes, dtype, epochs, seed=0, **trainer):
    runs = {}
    with precision(dtype):
        for name, d2l in BACKENDS.items():
            if shapes is None:
                weights = he_weights(make_model, seed)
            else:  # "weight" is "net.1.weight" in a network
                names = d2l.export_weights(make_model(d2l))
                weights = initial_weights({n: shapes[n.split(".")[-1]] for n in names}, seed)
            runs[name] = train(d2l, make_model, make_data, weights, epochs, **trainer)
    (jax, jax_weights), (torch, torch_weights) = runs["jax"], runs["torch"]
    scale = zero_model_loss(make_model, make_data, dtype)
    assert jax.labels() == torch.labels()
    for label in ("train_loss", "val_loss"):
        gap = np.abs(jax[label] - torch[label]) / (np.abs(torch[label]) + scale)
        assert gap.max() <= LOSS_GAP[dtype], f"{label}: {gap.max():.2g} at {gap.argmax()}"
    assert len(jax.train_loss) == len(torch.train_loss) == jax.batch_sizes.size
    np.testing.assert_array_equal(jax.batch_sizes, torch.batch_sizes)
    for name, array in jax_weights.items():
        assert array.dtype == torch_weights[name].dtype == dtype
        gap = np.linalg.norm(array - torch_weights[name]) / np.linalg.norm(torch_weights[name])
        assert gap <= WEIGHT_GAP[dtype], f"{name}: {gap:.2g}"
    if dtype == "float64" and "val_acc" in jax.labels():
        # Both are means of the same zeros and ones, rounded to float32.
        np.testing.assert_allclose(jax.val_acc, torch.val_acc, rtol=0, atol=1e-7)
    return jax


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_runs_agree(case, dtype):
    history = check_runs(*CASES[case], dtype, epochs=5)
    assert history.epoch_train_loss[-1] < 0.7 * history.epoch_train_loss[0]  # it did learn


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_clipped_runs_agree(case, dtype):
    free = check_runs(*CASES[case], dtype, epochs=2)
    clipped = check_runs(*CASES[case], dtype, epochs=2, gradient_clip_val=0.1)
    assert clipped.train_loss[-1] > free.train_loss[-1]  # clipping did something


@pytest.mark.parametrize("seed", range(5))
def test_runs_agree_from_other_seeds(seed):
    make_model, _, shapes = CASES["softmax regression"]
    check_runs(make_model, lambda d2l: digits(d2l, seed=seed), shapes, "float32", 2, seed=seed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_full_size_runs_agree(dtype):
    shapes = {"weight": (NUM_CLASSES, NUM_PIXELS), "bias": (NUM_CLASSES,)}
    history = check_runs(
        lambda d2l: d2l.SoftmaxRegression(NUM_CLASSES, lr=0.1, num_inputs=NUM_PIXELS),
        images_60000,
        shapes,
        dtype,
        epochs=10,
    )
    assert len(history.train_loss) == 10 * 235
    assert history.val_acc[-1] > 0.4  # shifted as they are, a linear model gets half of them


def he_weights(make_model, seed):
    """Return weights with which the signal keeps its size through the layers."""
    return initial_weights(
        BACKENDS["torch"].export_weights(make_model(BACKENDS["torch"])), seed, scheme="he"
    )


@pytest.mark.parametrize("case", RELU_CASES)
def test_runs_with_relus_agree_in_float64(case):
    history = check_runs(*RELU_CASES[case], None, "float64", epochs=5, gradient_clip_val=1)
    assert history.epoch_train_loss[-1] < 0.95 * history.epoch_train_loss[0]  # clipped: slow


def loss_gap(one, other, scale):
    """Return the largest gap so far at each step, relative to the loss and the zero model's."""
    gap = np.abs(one.train_loss - other.train_loss) / (np.abs(other.train_loss) + scale)
    return np.maximum.accumulate(gap)


def moved_by_one_ulp(weights, seed):
    """Return float32 weights, each moved to a neighbouring number."""
    rng = np.random.default_rng(seed)
    ends = np.array([-np.inf, np.inf], np.float32)
    return {
        name: np.nextafter(w.astype(np.float32), rng.choice(ends, w.shape))
        for name, w in weights.items()
    }


@pytest.mark.parametrize("case", RELU_CASES)
def test_runs_with_relus_stay_as_close_as_one_ulp_in_float32(case):
    make_model, make_data = RELU_CASES[case]
    epochs, steps = 10, 15
    scale = zero_model_loss(make_model, make_data, "float32")
    with precision("float32"):
        weights = he_weights(make_model, seed=0)
        jax, torch = (
            train(d2l, make_model, make_data, weights, epochs)[0] for d2l in BACKENDS.values()
        )
        moved = [
            train(BACKENDS["torch"], make_model, make_data, moved_by_one_ulp(weights, i), epochs)[0]
            for i in range(5)
        ]
    gap = loss_gap(jax, torch, scale)
    one_ulp = np.max([loss_gap(other, torch, scale) for other in moved], axis=0)
    assert len(gap) == epochs * steps
    assert gap[:steps].max() <= 1e-4
    # The losses of equal weights are rounded by themselves, too: 4 eps.
    allowed = one_ulp[-1] + 4 * np.finfo(np.float32).eps
    assert gap[-1] <= allowed, f"{gap[-1]:.2g} apart, one ulp opens {one_ulp[-1]:.2g}"
    assert abs(jax.val_acc[-1] - torch.val_acc[-1]) <= 0.005
