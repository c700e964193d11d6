"""Compare two training runs from equal weights on equal minibatches, in one precision."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from d2l_parity.closeness import gap_of_steps, largest_gap
from d2l_parity.runs import Run
from d2l_parity.tolerances import ONE_ULP_SCATTER, RUNS


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
        The loss of the zero model; gaps of losses are in units of it plus the loss itself.
    only_rounding : collection of str
        The parameters whose gradients are 0 up to rounding; see `largest_gap`.
    """

    dtype: str
    jax: Run
    torch: Run
    nudged: dict[str, list[Run]]
    scale: float
    only_rounding: Collection[str] = ()

    @property
    def loss_gap(self) -> np.ndarray:
        """The gap of the losses at each step, relative to loss plus `scale`: `(num_steps,)`."""
        return self._loss_gap(self.jax, self.torch)

    @property
    def one_ulp_gap(self) -> np.ndarray:
        """The largest of `one_ulp_gaps` up to each step: `(num_steps,)`."""
        return np.maximum.accumulate(self.one_ulp_gaps.max(axis=0))

    @property
    def one_ulp_gaps(self) -> np.ndarray:
        """The loss gap of each nudged run and its backend's run: `(num_runs, num_steps)`."""
        return np.array([self._loss_gap(*pair) for pair in self._nudged_pairs()])

    def largest(self) -> dict[str, float]:
        """Return the largest relative difference of each recorded quantity."""
        return self._differences(self.jax, self.torch)

    def opened(self) -> dict[str, float]:
        """Return likewise the largest of nudged runs and their backend's run; {} without them."""
        each = [self._differences(*pair) for pair in self._nudged_pairs()]
        return {label: max(gaps[label] for gaps in each) for label in (each[0] if each else ())}

    def _nudged_pairs(self) -> list[tuple[Run, Run]]:
        bases = {"jax": self.jax, "torch": self.torch}
        return [(run, bases[backend]) for backend, runs in self.nudged.items() for run in runs]

    def _loss_gap(self, one: Run, other: Run) -> np.ndarray:
        return gap_of_steps(one.history.train_loss, other.history.train_loss, self.scale)

    def _differences(self, one: Run, other: Run) -> dict[str, float]:
        noise = self.only_rounding
        gaps = {"training loss": self._loss_gap(one, other).max(initial=0.0)}
        if one.gradients and other.gradients:  # both were recorded
            norms = other.gradient_norms
            gap = gap_of_steps(one.gradient_norms, norms, norms[:1].sum())
            gaps["gradient norm"] = gap.max(initial=0.0)
            gaps["gradients"] = largest_gap(one.gradients, other.gradients, noise, from_first=True)
            gaps["weights"] = largest_gap(one.weights, other.weights, noise)
        ours, theirs = ({n: w[None] for n, w in run.final_weights.items()} for run in (one, other))
        gaps["final weights"] = largest_gap(ours, theirs, noise)
        if "val_loss" in other.history.labels():
            gap = gap_of_steps(one.history.val_loss, other.history.val_loss, self.scale)
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

    def failures(self) -> list[str]:
        """Return a sentence for each bound that is exceeded; empty if the runs are the same."""
        found = [
            f"{self.dtype}: the gap of {label} is {gap:.1e}, above the bound {bound:.1e}"
            for label, (gap, bound) in self.exceeded().items()
        ]
        for name, run in (("JAX", self.jax), ("PyTorch", self.torch)):
            # One ulp moves a run that diverges arbitrarily far, so that every bound would hold.
            bad = np.flatnonzero(~np.isfinite(run.history.train_loss))
            if bad.size:
                found.append(
                    f"{self.dtype}: the loss of {name} is {run.history.train_loss[bad[0]]} from "
                    f"step {bad[0]} on, so the rest is meaningless: try a lower learning rate"
                )
        differing = self.predictions()
        if differing and differing[0] and self.dtype == "float64" and self.chaos() == 1:
            found.append(f"float64: {differing[0]} of {differing[1]} predicted classes differ")
        return found

    def exceeded(self) -> dict[str, tuple[float, float]]:
        """Return `{label: (gap, bound)}` for each gap above its bound."""
        gaps = self.largest()
        return {
            label: (gaps[label], bound)
            for label, bound in self.bounds().items()
            if not gaps[label] <= bound
        }

    def bounds(self) -> dict[str, float]:
        """
        Return the bounds of the differences that `largest` returns.

        They are those of `RUNS`; where the runs are chaotic, the backends may part as far as one
        ulp moves a backend from itself (see `ONE_ULP_SCATTER`).
        """
        tolerance = RUNS[self.dtype]
        bounds = {"training loss": tolerance.loss, "validation loss": tolerance.loss}
        if self.dtype == "float64":
            bounds |= {"gradient norm": tolerance.loss, "weights": tolerance.weights}
            bounds |= {"final weights": tolerance.weights}
        # Half a point; in float64 equal, up to the rounding of the mean to float32.
        bounds["validation accuracy"] = 1e-7 if self.dtype == "float64" else 0.005
        recorded, opened = self.largest(), self.opened()
        return {
            label: max(bounds[label], ONE_ULP_SCATTER * opened[label])
            if label in opened
            else bounds[label] * self.chaos()  # nudged runs are not recorded step by step
            for label in recorded
            if label in bounds
        }

    def chaos(self) -> float:
        """Return the factor by which one ulp opens more than the loss's bound; at least 1."""
        opened = float(self.one_ulp_gap.max(initial=0.0)) if self.nudged else 0.0
        return max(1.0, ONE_ULP_SCATTER * opened / RUNS[self.dtype].loss)

    def seconds(self) -> dict[str, float]:
        """Return each backend's median seconds an epoch, of a run without recording."""
        found = {}
        for name, runs in self.nudged.items():
            seconds = runs[-1].history.seconds
            # The first epoch of a fit is left out if there are more: JAX traces in it.
            found[name] = float(np.median(seconds[1:] if len(seconds) > 1 else seconds))
        return found
