"""Are two implementations the same? The yardstick, the comparison, and the report."""

from d2l_common import __version__ as __version__
from d2l_parity.closeness import assert_within, relative_gap, worst_entry
from d2l_parity.compare import compare
from d2l_parity.comparison import Comparison
from d2l_parity.mapping import match_parameters
from d2l_parity.report import Report
from d2l_parity.yardstick import OPERATIONS, RUNS, forward_error_bound

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
