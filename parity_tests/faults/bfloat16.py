"""Faults in what is computed from bfloat16 (section 5.5 of 2026)."""

import jax
import torch

from parity_tests import test_bfloat16
from parity_tests.faults.checks import Check
from parity_tests.faults.planting import instead_of
from parity_tests.support.backends import BACKENDS

SOFTMAX = Check(
    "test_bfloat16.py::test_an_operation[softmax]",
    lambda backend: test_bfloat16.test_an_operation("softmax", BACKENDS[backend]),
)
BATCH_NORM = Check(
    "test_bfloat16.py::test_batch_norm",
    lambda backend: test_bfloat16.check_batch_norm(BACKENDS[backend]),
)


@instead_of("d2l_jax.functional.softmax", caught_by=SOFTMAX)
def a_softmax_that_rounds_each_step_in_jax(X):
    return jax.nn.softmax(X, axis=-1)


@instead_of("d2l_torch.functional.softmax", caught_by=SOFTMAX)
def a_softmax_that_rounds_each_step_in_torch(X):
    P = torch.exp(X - X.amax(-1, keepdim=True))
    return P / P.sum(-1, keepdim=True)


@instead_of("d2l_jax.conversion.widened", caught_by=BATCH_NORM)
def statistics_in_bfloat16_in_jax(X):
    return X
