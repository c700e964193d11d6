"""Compare two training runs from equal weights on equal minibatches, in one precision."""

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from d2l_parity.causes import explain_update
from d2l_parity.closeness import gap_of_steps, largest_gap, relative_gap
from d2l_parity.runs import Run
from d2l_parity.tolerances import ONE_ULP_SCATTER, RUNS, SAME_UPDATE


@dataclass
class Comparison:
    """
    The runs of both backends in one precision, and runs from weights one ulp away.

    Attributes
    ----------
    dtype : str
    jax, torch : Run
    nudged : dict
        By backend, runs from initial weights that were moved to their neighbours.
    scale : float
        The loss of the zero model; gaps of losses are in units of it plus the loss itself.
    only_rounding : collection of str
        The parameters whose gradients are 0 up to rounding; see `largest_gap`.
    trained : collection of str
        The parameters whose gradients are compared; all if it is empty.
    judged_as : str
        The precision whose bounds hold; that of `dtype` unless a model computes in less.
    """

    dtype: str
    jax: Run
    torch: Run
    nudged: dict[str, list[Run]]
    scale: float
    only_rounding: Collection[str] = ()
    trained: Collection[str] = ()
    judged_as: str = ""

    def __post_init__(self) -> None:
        """Judge by the precision of the runs by default."""
        self.judged_as = self.judged_as or self.dtype

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
        return self._largest

    @functools.cached_property
    def _largest(self) -> dict[str, float]:
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
            mine, theirs = (self._counted(run.gradients) for run in (one, other))
            gaps["gradients"] = largest_gap(mine, theirs, noise, from_first=True)
        if one.weights and other.weights:
            # Adam moves a weight by whole steps also where its gradient is only rounding.
            mine, theirs = (
                {n: x for n, x in self._counted(run.weights).items() if n not in noise}
                for run in (one, other)
            )
            gaps["weights"] = largest_gap(mine, theirs)
        ours, theirs = (
            {n: w[None] for n, w in run.final_weights.items() if w.dtype.kind == "f"}
            for run in (one, other)
        )
        common = ours.keys() & theirs.keys()
        state = {name for name in common if self.trained and name not in self.trained}
        for label, names in (("final weights", common - state), ("final state", state)):
            names -= set(noise)
            if names:
                first, second = ({n: x[n] for n in sorted(names)} for x in (ours, theirs))
                gaps[label] = largest_gap(first, second)
        if "val_loss" in other.history.labels():
            gap = gap_of_steps(one.history.val_loss, other.history.val_loss, self.scale)
            gaps["validation loss"] = gap.max(initial=0.0)
        if "val_acc" in other.history.labels():
            gap = np.abs(one.history.val_acc - other.history.val_acc)
            gaps["validation accuracy"] = gap.max(initial=0.0)
        return {label: float(gap) for label, gap in gaps.items()}

    def _counted(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the arrays of trained parameters that both runs recorded."""
        both = self.jax.gradients.keys() & self.torch.gradients.keys()
        names = both & set(self.trained) if self.trained else both
        return {name: arrays[name] for name in sorted(names)}

    def first_update(self) -> str:
        """
        Return a sentence on the first step whose gradients are the same and whose updates are not.

        It is empty if there is none, or if not every step was recorded.
        """
        ours, theirs = self.jax, self.torch
        num_steps = len(theirs.history.train_loss)
        if self.dtype != "float64":
            return ""  # roundings would hide which differs first
        both = ours.weights.keys() & theirs.weights.keys()
        names = [name for name in sorted(both) if name not in self.only_rounding]
        counted = self._counted(theirs.gradients).keys() - set(self.only_rounding)
        if not names or len(theirs.weights[names[0]]) != num_steps:
            return ""
        for step in range(num_steps):
            for name in counted:
                grads = ours.gradients[name][step], theirs.gradients[name][step]
                if relative_gap(*grads) > SAME_UPDATE:
                    return ""
            for name in names:
                mine, other = (self._update(run, name, step) for run in (ours, theirs))
                # An update is a difference of weights: its rounding is theirs.
                floor = 1e-6 * float(np.linalg.norm(theirs.weights[name][step]))
                if relative_gap(mine, other, floor) > SAME_UPDATE:
                    before = self._update(theirs, name, step - 1) if step else None
                    still = self._still(sorted(both), step)
                    cause = explain_update(mine, other, theirs.weights[name][step], before, still)
                    return (
                        f"The gradients are the same up to step {step}, where the optimizers "
                        f"update `{name}` differently: {cause}"
                    )
        return ""

    def _still(self, names: list[str], step: int) -> str:
        """Return the framework in which a step moves none of several parameters; "" if none."""
        runs = {"JAX": self.jax, "PyTorch": self.torch}
        for framework, run in runs.items() if len(names) > 1 else ():
            if not any(self._update(run, name, step).any() for name in names):
                return framework
        return ""

    @staticmethod
    def _update(run: Run, name: str, step: int) -> np.ndarray:
        weights = run.weights[name]
        after = weights[step + 1] if step + 1 < len(weights) else run.final_weights[name]
        return np.asarray(after - weights[step])

    def diverges(self) -> bool:
        """Return whether the losses of both runs become infinite or NaN."""
        return all(not np.isfinite(run.history.train_loss).all() for run in (self.jax, self.torch))

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
        if differing and differing[0] and self.judged_as == "float64" and self.chaos() == 1:
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
        tolerance = RUNS[self.judged_as]
        bounds = {"training loss": tolerance.loss, "validation loss": tolerance.loss}
        if self.judged_as == "float64":
            bounds |= {"gradient norm": tolerance.loss, "weights": tolerance.weights}
            bounds |= {"final weights": tolerance.weights, "final state": tolerance.weights}
        # Half a point; in float64 equal, up to the rounding of the mean to float32.
        bounds["validation accuracy"] = 1e-7 if self.judged_as == "float64" else 0.005
        recorded, opened = self.largest(), self.opened()
        # Of a validation there are a few numbers, which chance leaves close in some runs: its loss
        # may move as far as the losses of training do, whose weights it has, and what they move
        # decides how many examples near a tie change their class.
        opened.pop("validation accuracy", None)
        if "validation loss" in opened:
            opened["validation loss"] = max(opened["validation loss"], opened["training loss"])
        return {
            label: max(bounds[label], ONE_ULP_SCATTER * opened[label])
            if label in opened
            else bounds[label] * self.chaos()  # nudged runs are not recorded step by step
            for label in recorded
            if label in bounds
        }

    def chaos(self) -> float:
        """Return the factor by which one ulp opens more than a bound; at least 1."""
        tolerance, opened = RUNS[self.judged_as], self.opened()
        bounds = {"training loss": tolerance.loss, "final weights": tolerance.weights}
        shares = [opened[label] / bound for label, bound in bounds.items() if label in opened]
        return max([1.0, *(ONE_ULP_SCATTER * share for share in shares)])

    def seconds(self) -> dict[str, float]:
        """Return each backend's median seconds an epoch, of a run whose steps are recorded."""
        found = {}
        for name, runs in self.nudged.items():
            seconds = runs[-1].history.seconds
            # The first epoch of a fit is left out if there are more: JAX traces in it.
            found[name] = float(np.median(seconds[1:] if len(seconds) > 1 else seconds))
        return found
