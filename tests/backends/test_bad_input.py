"""Bad input raises the same sentence on both backends, and changes nothing."""

import re

import numpy as np
import pytest
import torch

from parity_tests.support.backends import BACKENDS
from tests.support.bad_input import names, rows

ROWS = rows()
# A model draws its weights before it is used.
MODELS = re.compile("Regression|MLP|Decay|lin|soft|fit|Net|Res")


def error_of(expression, d2l):
    """Return the error of an expression as text; integers of the default width are `int`."""
    given = names(d2l)
    before = {name: np.array(d2l.numpy(given[name])) for name in "MPLNXy"}
    state = torch.get_rng_state()
    try:
        value = eval(expression, given)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    else:
        said = f"no error, but {value!r}"
    for name, array in before.items():
        np.testing.assert_array_equal(d2l.numpy(given[name]), array)
    if not MODELS.search(expression):
        assert torch.equal(state, torch.get_rng_state())
    return re.sub(r"\bint(32|64)\b", "int", said)


def check_row(expression, d2l):
    """Raise an AssertionError unless a backend raises the error of a row."""
    assert error_of(expression, d2l) == ROWS[expression]


def test_the_table_is_large():
    assert len(ROWS) >= 200


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("expression", ROWS)
def test_bad_input(expression, backend):
    check_row(expression, BACKENDS[backend])
