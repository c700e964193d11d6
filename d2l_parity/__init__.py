"""
Prove that a Flax NNX model is the PyTorch model that it was ported from.

`compare` runs the proof. The files in the order in which it uses them: `minibatches`, `models` and
`sides` take the arguments; `layer`, `cuts`, `pieces`, `pairing`, `leftovers`, `methods`, `mapping`
and `matching` pair the layers;
`passes` runs one minibatch through each model, and `activations`, `layers`, `first_minibatch` and
`causes` find where they first differ; `runs` trains them; `comparison` and `rounding` judge the
runs by `tolerances`; `verdict` sums up, and `report`, `setting`, `picture` and `junit` show it.
`records` does the same for one framework at a time.

Each framework has a `*_probe`, which reads a model, runs it and records a fit, a `*_precision`,
which makes all of it compute in one precision, and a `*_dropout`, which gives both the same masks.
"""

from d2l_common import __version__ as __version__
from d2l_parity.closeness import assert_within, relative_gap, worst_entry
from d2l_parity.compare import assert_same, compare
from d2l_parity.comparison import Comparison
from d2l_parity.records import compare_records, record
from d2l_parity.report import Report
from d2l_parity.tolerances import OPERATIONS, RUNS, forward_error_bound
from d2l_parity.verdict import Verdict

__all__ = [
    "OPERATIONS",
    "RUNS",
    "Comparison",
    "Report",
    "Verdict",
    "assert_same",
    "assert_within",
    "compare",
    "compare_records",
    "forward_error_bound",
    "record",
    "relative_gap",
    "worst_entry",
]
