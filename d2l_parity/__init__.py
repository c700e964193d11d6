"""
Prove that a Flax NNX model is the PyTorch model that it was ported from.

`compare` runs the proof. The files in the order in which it uses them: `minibatches`, `models`,
`mapping` and `sides` take the arguments; `first_minibatch` goes through both models layer by
layer; `runs` trains them; `comparison` and `rounding` judge the runs by `tolerances`; `report`,
`setting` and `picture` show the result. Each framework has a `*_probe`, which runs a model, a
`*_recorder`, which records a fit, and a `*_dropout`, which gives both models the same masks.
"""

from d2l_common import __version__ as __version__
from d2l_parity.closeness import assert_within, relative_gap, worst_entry
from d2l_parity.compare import compare
from d2l_parity.comparison import Comparison
from d2l_parity.mapping import match_parameters
from d2l_parity.report import Report
from d2l_parity.tolerances import OPERATIONS, RUNS, forward_error_bound

__all__ = [
    "OPERATIONS",
    "RUNS",
    "Comparison",
    "Report",
    "assert_within",
    "compare",
    "forward_error_bound",
    "match_parameters",
    "relative_gap",
    "worst_entry",
]
