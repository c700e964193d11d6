"""Weights by name are matched to a model's, on NumPy alone."""

import subprocess
import sys

import numpy as np
import pytest

from d2l_common.weights import initial_weights, match_weights

SHAPES = {
    "a.weight": (2, 2),
    "a.bias": (2,),
    "n.running_mean": (2,),
    "n.running_var": (2,),
    "P": (2,),
}
STATE = ["n.running_mean", "n.running_var", "P"]
GIVEN = {
    "a.weight": np.array([[1.0, 2.0], [3.0, 4.0]]),
    "a.bias": np.zeros(2),
    "n.running_mean": np.ones(2),
    "n.running_var": np.full(2, 5.0),
    "P": np.array([6.0, 7.0]),
}


def match(weights):
    return match_weights(weights, SHAPES, STATE, {"a.weight": ["b.weight"]}, optional=["P"])


def without(*names):
    return {name: array for name, array in GIVEN.items() if name not in names}


@pytest.mark.parametrize(
    "weights",
    [
        GIVEN,
        without("P"),
        without(*STATE),
        without("n.running_mean", "n.running_var"),
        GIVEN | {"n.num_batches_tracked": np.array(3)},
    ],
)
def test_what_fits(weights):
    assert match(weights).keys() == weights.keys() & SHAPES.keys()
    for name, array in match(weights).items():
        np.testing.assert_array_equal(array, weights[name])


@pytest.mark.parametrize("name", ["a.weight", "a.bias", "n.running_mean", "n.running_var"])
def test_what_is_missing(name):
    with pytest.raises(ValueError, match=rf"missing \['{name}'\], unknown \[\]"):
        match(without(name))


def test_tied_weights_have_any_of_their_names():
    W = GIVEN["a.weight"]
    for weights in (GIVEN | {"b.weight": W}, without("a.weight") | {"b.weight": W}):
        assert match(weights)["a.weight"] is W
    for other in (W + 1, W.astype(np.float32)):
        with pytest.raises(ValueError, match=r"weights\['b.weight'\] must equal .*'a.weight'"):
            match(GIVEN | {"b.weight": other})


def test_unknown_names_hold_the_numbers_of_known_ones_or_raise():
    assert match(GIVEN | {"c": GIVEN["a.weight"].copy()}).keys() == SHAPES.keys()
    for array in (GIVEN["a.weight"].T, np.nextafter(GIVEN["a.weight"], 9), np.zeros(2), np.ones(1)):
        with pytest.raises(ValueError, match=r"missing \[\], unknown \['c'\]"):
            match(GIVEN | {"c": array})


def test_initial_weights_leave_out_running_averages():
    assert initial_weights(SHAPES, seed=0).keys() == SHAPES.keys() - {
        "n.running_mean",
        "n.running_var",
    }


def test_matching_needs_no_framework():
    code = "import sys, d2l_common.weights; print({'jax', 'torch', 'safetensors'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
