"""Faults in data-parallel training from scratch (section 13.5)."""

from parity_tests import test_parallel
from parity_tests.faults.checks import Check
from parity_tests.faults.planting import around, instead_of

TRAIN_BATCH = Check("test_parallel.py::test_train_batch", test_parallel.check_train_batch)
ALLREDUCE = Check("test_parallel.py::test_allreduce", test_parallel.check_allreduce)


@instead_of("d2l_*.training.multi_gpu.allreduce", caught_by=ALLREDUCE)
def a_forgotten_sum(d2l, data):
    return list(data)


@around("d2l_*.training.multi_gpu.allreduce", caught_by=TRAIN_BATCH)
def a_mean_of_means(d2l, original, data):
    return [total / len(data) for total in original(data)]


@instead_of("d2l_common.checks.parallel.part_of", caught_by=TRAIN_BATCH)
def the_same_examples_for_all(num_examples, index, num_parts):
    return slice(0, num_examples // num_parts)
