"""Two training runs from equal weights on equal minibatches: how far they are apart."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from d2l_parity.rounding import norms, whole
from d2l_parity.training import Run
from d2l_parity.yardstick import ONE_ULP_SCATTER, RUNS


@dataclass
class Comparison:
    """
    The runs of both backends in one precision, and runs from weights one ulp away.

    Attributes
    ----------
    dtype : str
    jax, torch : Run
    nudged : dict
        For each backend, runs from initial weights that were moved to their neighbours.
    scale : float
        The loss of the zero model, in whose units (plus the loss itself) losses are compared.
    only_rounding : collection of str
        The parameters whose gradients are 0 but for rounding; see `largest_gap`.
    """

    dtype: str
    jax: Run
    torch: Run
    nudged: dict[str, list[Run]]
    scale: float
    only_rounding: Collection[str] = ()

    @property
    def loss_gap(self) -> np.ndarray:
        """Of each step, in units of the loss plus that of the zero model: `(num_steps,)`."""
        return self._loss_gap(self.jax, self.torch)

    @property
    def one_ulp_gap(self) -> np.ndarray:
        """The largest that one ulp has opened up to each step, in the same units."""
        return np.maximum.accumulate(self.one_ulp_gaps.max(axis=0))

    @property
    def one_ulp_gaps(self) -> np.ndarray:
        """What one ulp in the initial weights opens within a backend: `(num_runs, num_steps)`."""
        pairs = [(run, self._base(name)) for name, runs in self.nudged.items() for run in runs]
        return np.array([self._loss_gap(run, base) for run, base in pairs])

    def largest(self) -> dict[str, float]:
        """Return the largest relative difference of each thing that was recorded."""
        return self._differences(self.jax, self.torch)

    def opened(self) -> dict[str, float]:
        """Return likewise what one ulp has opened within a backend, at most; empty if untried."""
        pairs = [(run, self._base(name)) for name, runs in self.nudged.items() for run in runs]
        each = [self._differences(*pair) for pair in pairs]
        return {label: max(gaps[label] for gaps in each) for label in (each[0] if each else ())}

    def _differences(self, one: Run, other: Run) -> dict[str, float]:
        gaps = {"training loss": self._loss_gap(one, other).max(initial=0.0)}
        if one.gradients and other.gradients:  # both runs were watched
            norms = other.gradient_norms
            gap = relative(one.gradient_norms, norms, norms[:1].sum())
            gaps["gradient norm"] = gap.max(initial=0.0)
            noise = self.only_rounding
            gaps["gradients"] = largest_gap(one.gradients, other.gradients, noise, from_first=True)
            gaps["weights"] = largest_gap(one.weights, other.weights, noise)
        final = (
            {name: array[None] for name, array in run.final_weights.items()} for run in (one, other)
        )
        ours, theirs = final
        gaps["final weights"] = largest_gap(ours, theirs, self.only_rounding)
        if "val_loss" in other.history.labels():
            gap = relative(one.history.val_loss, other.history.val_loss, self.scale)
            gaps["validation loss"] = gap.max(initial=0.0)
        if "val_acc" in other.history.labels():
            gap = np.abs(one.history.val_acc - other.history.val_acc)
            gaps["validation accuracy"] = gap.max(initial=0.0)
        return {label: float(gap) for label, gap in gaps.items()}

    def predictions(self) -> tuple[int, int] | None:
        """Return how many predicted classes differ, and out of how many; None without classes."""
        ours, theirs = self.jax.classes, self.torch.classes
        if ours is None or theirs is None:
            return None
        return int((ours != theirs).sum()), len(theirs)

    def first_epoch(self) -> float:
        """Return the largest loss gap of the first epoch."""
        steps = len(self.torch.history.train_loss) // max(1, len(self.torch.history.seconds))
        return float(self.loss_gap[:steps].max(initial=0.0))

    def failures(self) -> list[str]:
        """Return a sentence for each bound that is exceeded, none if the runs are the same."""
        found = [
            f"{self.dtype}: the gap of {label} is {gap:.1e}, its bound {bound:.1e}"
            for label, (gap, bound) in self.exceeded().items()
        ]
        for name, run in (("JAX", self.jax), ("PyTorch", self.torch)):
            # One ulp takes a run that diverges anywhere, so that every bound would hold.
            bad = np.flatnonzero(~np.isfinite(run.history.train_loss))
            if bad.size:
                found.append(
                    f"{self.dtype}: the loss of {name} is {run.history.train_loss[bad[0]]} from "
                    f"step {bad[0]} on, and the rest says nothing: try a lower learning rate"
                )
        differing = self.predictions()
        if differing and differing[0] and self.dtype == "float64" and self.chaos() == 1:
            found.append(f"float64: {differing[0]} of {differing[1]} predicted classes differ")
        return found

    def exceeded(self) -> dict[str, tuple[float, float]]:
        """Return gap and bound of what is further apart than it may be."""
        gaps, bounds = self.largest(), self.bounds()
        return {
            label: (gaps[label], bound)
            for label, bound in bounds.items()
            if not gaps[label] <= bound
        }

    def bounds(self) -> dict[str, float]:
        """
        Return the bounds of what `largest` returns.

        They are those of `RUNS`; but where the runs are chaotic, these may part as far as one ulp
        takes a backend from itself (see `ONE_ULP_SCATTER`).
        """
        tolerance = RUNS[self.dtype]
        bounds = {"training loss": tolerance.loss, "validation loss": tolerance.loss}
        if self.dtype == "float64":
            bounds |= {"gradient norm": tolerance.loss, "weights": tolerance.weights}
            bounds |= {"final weights": tolerance.weights}
        # Half a point; in float64 equal, but for the rounding of the mean to float32.
        bounds["validation accuracy"] = 1e-7 if self.dtype == "float64" else 0.005
        recorded, opened = self.largest(), self.opened()
        return {
            label: max(bounds[label], ONE_ULP_SCATTER * opened[label])
            if label in opened
            else bounds[label] * self.chaos()  # of what only watched runs have
            for label in recorded
            if label in bounds
        }

    def chaos(self) -> float:
        """Return how many times the bound of the loss one ulp has opened, 1 if it has not."""
        opened = float(self.one_ulp_gap.max(initial=0.0)) if self.nudged else 0.0
        return max(1.0, ONE_ULP_SCATTER * opened / RUNS[self.dtype].loss)

    def seconds(self) -> dict[str, float]:
        """Return the median seconds of an epoch, of a run that is not watched nor compiled anew."""
        last = {name: runs[-1].history.seconds for name, runs in self.nudged.items() if runs}
        # The first epoch of a fit is left out if there are others: JAX traces in it.
        later = {name: all_[1:] if len(all_) > 1 else all_ for name, all_ in last.items()}
        return {name: float(np.median(seconds)) for name, seconds in later.items()}

    def _base(self, backend: str) -> Run:
        return self.jax if backend == "jax" else self.torch

    def _loss_gap(self, one: Run, other: Run) -> np.ndarray:
        return relative(one.history.train_loss, other.history.train_loss, self.scale)


def relative(one: np.ndarray, other: np.ndarray, scale: float) -> np.ndarray:
    """Return the gaps of numbers in units of the second ones and `scale`; infinite for a NaN."""
    size = np.abs(other) + scale
    with np.errstate(all="ignore"):  # what is not finite is told from the result
        gap = np.abs(one - other) / np.where(size == 0, 1, size)
    return np.where(np.isnan(one) & np.isnan(other), 0, np.where(np.isnan(gap), np.inf, gap))


def largest_gap(
    ones: Mapping[str, np.ndarray],
    others: Mapping[str, np.ndarray],
    only_rounding: Collection[str] = (),
    from_first: bool = False,
) -> float:
    """
    Return the largest gap in norm of stacked tensors, relative to the tensor of the same step.

    With `from_first` it is relative to the larger of that tensor and the first in the stack: a
    gradient that has become small is a small difference of large numbers. Those of `only_rounding`
    are a difference of large numbers that leaves nothing, and so are weights that begin at 0 and
    that such gradients move: their gap is relative to all tensors of the step together.
    """
    sizes = {name: norms(other) for name, other in others.items()}
    all_of_step = whole(sizes)
    largest = 0.0
    for name, other in others.items():
        size = all_of_step if name in only_rounding else sizes[name]
        with np.errstate(all="ignore"):  # of runs that diverge
            size = np.maximum(size, size[:1].sum() if from_first else 0)
            gap = norms(ones[name].astype(np.float64) - other) / np.where(size == 0, 1, size)
        largest = max(largest, np.where(np.isnan(gap), np.inf, gap).max(initial=0.0))
    return float(largest)
