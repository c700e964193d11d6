"""The checks that catch planted faults: short forms of the suite's tests, or the tests' own."""

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from parity_tests import test_chapter_functions, test_layouts, test_plan, test_resize
from parity_tests.support.backends import BACKENDS, precision
from parity_tests.support.cases import CASES
from parity_tests.support.draws import Draw, Source
from parity_tests.support.operations import GRADIENTS, VALUES
from parity_tests.support.truth import HAS_EXTENDED, assert_true
from parity_tests.test_training import assert_same_run
from tests.backends import test_bad_input, test_nonfinite

# One shape, since each compiles; several seeds, since a draw may hide a fault behind an infinity.
DRAWS = [
    Draw(seed, (7, 5), scale, kind)
    for kind, scales in (("finite", (1.0, 30.0, 1e4)), ("equal", (1.0, 1e4)))
    for scale in scales
    for seed in range(3)
]


@dataclass(frozen=True)
class Check:
    """
    One check.

    Attributes
    ----------
    test : the test of the suite that it belongs to, `file::function`, and what is tested
    run : raises an AssertionError if a backend, "jax" or "torch", has a fault
    for_each_backend : whether it looks at one backend alone
    """

    test: str
    run: Callable[[str], None]
    for_each_backend: bool = True

    def __str__(self):
        return self.test


@functools.cache
def value(name):
    """Return the check of an operation: a few draws against the truth."""
    return Check(f"test_properties.py::test_values[{name}]", _against_truth(VALUES[name]))


@functools.cache
def gradient(name):
    """Return the check of a gradient: a few draws against the truth."""
    return Check(f"test_properties.py::test_gradients[{name}]", _against_truth(GRADIENTS[name]))


def _against_truth(operation):
    def check(backend):
        draws = [d for d in DRAWS if d.scale in operation.scales and d.kind in operation.kinds]
        for dtype in ("float32", "float64")[: 1 + HAS_EXTENDED]:
            with precision(dtype):
                for draw in draws:
                    arrays = operation.arrays(Source(draw, dtype))
                    tensors = (BACKENDS[backend].tensor(array) for array in arrays)
                    result = operation.call(BACKENDS[backend], *tensors)
                    assert_true(operation, result, arrays, dtype, f"{operation.row}, {draw}:")

    return check


@functools.cache
def run(name):
    """Return the check of a model: two epochs on both backends, with all that is recorded."""

    def check(backend):
        assert_same_run(CASES[name].compare(dtype="float64", epochs=2))

    return Check(f"test_training.py::test_runs_agree[{name}]", check, for_each_backend=False)


@functools.cache
def convention(name):
    """Return the check of what both backends share, `check_<name>` of test_plan.py."""
    check = getattr(test_plan, f"check_{name}")
    return Check(
        f"test_plan.py::test_shared_conventions[{name}]", lambda backend: check(BACKENDS[backend])
    )


@functools.cache
def layout(name):
    """Return the check of a stock layer's weights in both frameworks."""
    return Check(
        f"test_layouts.py::test_weights_cross_over[{name}]",
        lambda backend: test_layouts.check_layout(name),
        for_each_backend=False,
    )


@functools.cache
def bad_input(expression):
    """Return the check of a row of the table of bad input."""
    return Check(
        f"tests/backends/test_bad_input.py::test_bad_input[{expression}]",
        lambda backend: test_bad_input.check_row(expression, BACKENDS[backend]),
    )


EXPLAINED = {
    "the_training_data": "test_nan_in_the_training_data",
    "weights": "test_weights_that_were_nan",
    "the_last_update": "test_the_last_update",
    "labels": "test_labels_of_a_loader_set_between_epochs_leave_the_weights",
}


@functools.cache
def loss_explained(name):
    """Return the check that explains a loss that is not finite."""
    function = getattr(test_nonfinite, EXPLAINED[name])
    return Check(
        f"tests/backends/test_nonfinite.py::{EXPLAINED[name]}",
        lambda backend: function(BACKENDS[backend]),
    )


def check_of(module, name, *arguments, folder=False):
    """Return the check that is a test itself, with its `arguments`; `folder` for `tmp_path`."""
    function, file = getattr(module, name), module.__name__.rpartition(".")[2]

    # The check of one function with other arguments is another one.
    case = f"[{'-'.join(map(str, arguments))}]" if arguments else ""

    def check(backend):
        if not folder:
            function(*arguments)
            return
        with tempfile.TemporaryDirectory() as path:
            function(Path(path), *arguments)

    return Check(f"{file}.py::{name}{case}", check, for_each_backend=False)


PLAN = Check(
    "test_plan.py::test_plan", lambda backend: test_plan.check_plan(), for_each_backend=False
)
RESIZED = Check(
    "test_resize.py::test_equal_to_pillow",
    lambda backend: test_resize.check_resized(BACKENDS[backend]),
)
INITIAL_WEIGHTS = Check(
    "test_plan.py::test_initial_weights",
    lambda backend: test_plan.check_initial_weights(),
    for_each_backend=False,
)
CONFUSION = Check(
    "test_chapter_functions.py::test_confusion_matrix_counts_predictions_in_rows",
    lambda backend: test_chapter_functions.test_confusion_matrix_counts_predictions_in_rows(
        BACKENDS[backend], "float32"
    ),
)
LABEL_SHIFT = Check(
    "test_chapter_functions.py::test_label_shift_is_recovered",
    lambda backend: test_chapter_functions.test_label_shift_is_recovered(BACKENDS[backend]),
)
