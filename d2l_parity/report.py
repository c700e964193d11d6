"""Report a comparison: a verdict, tables, and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from d2l_parity.comparison import Comparison
from d2l_parity.first_minibatch import FirstMinibatch
from d2l_parity.layers import in_both
from d2l_parity.pairing import Pairing
from d2l_parity.verdict import Verdict, judge

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Report:
    """
    Differences between two implementations of a model; printed, it is Markdown.

    Attributes
    ----------
    name : str
        The title.
    setting : str
        A sentence on data, epochs, optimizer and precisions.
    comparisons : dict of Comparison
        The training runs in "float32" and "float64".
    first : FirstMinibatch
        The first minibatch in float64, layer by layer.
    only_rounding : dict
        `{parameter: share of the total gradient norm}` where the gradient is 0 up to rounding.
    pairing : Pairing
        Which array of the JAX model is which of the PyTorch model.
    """

    name: str
    setting: str
    comparisons: dict[str, Comparison]
    first: FirstMinibatch
    only_rounding: dict[str, float]
    pairing: Pairing

    @property
    def verdict(self) -> Verdict:
        """The same, the same in float64, not the same, or undecided."""
        return judge(self.first, self.comparisons)[0]

    @property
    def failures(self) -> list[str]:
        """Reasons of a verdict that is not "the same": where the models first differ, and gaps."""
        return judge(self.first, self.comparisons)[1]

    @property
    def agree(self) -> bool:
        """True if the models are the same, or are so in float64."""
        return self.verdict in (Verdict.SAME, Verdict.SAME_IN_FLOAT64)

    def differences(self) -> pd.DataFrame:
        """Return a table of the largest relative difference of each quantity."""
        columns = {}
        for dtype, each in self.comparisons.items():
            columns[dtype] = each.largest()
            if each.nudged:
                columns[f"one ulp, {dtype}"] = each.opened()
            columns[f"bound, {dtype}"] = each.bounds()
        return _table(columns, "largest difference", index=list(next(iter(columns.values()))))

    def layers(self) -> pd.DataFrame:
        """Return a table of each layer's gaps on the first minibatch, in float64."""
        layers, root = self.first.layers, "(the model itself)"
        columns = {
            "JAX": [layer.jax_name or root for layer in layers],
            "input": [layer.input for layer in layers],
            "output": [layer.output for layer in layers],
            "training input": [layer.train_input for layer in layers],
            "training output": [layer.train_output for layer in layers],
            "gradients": [max(layer.gradients.values(), default=np.nan) for layer in layers],
            "state": [max(layer.state.values(), default=np.nan) for layer in layers],
        }
        return _table(columns, "layer", index=[layer.name or root for layer in layers])

    def steps(self) -> pd.DataFrame:
        """Return a table with a row a step: losses, their gap, the gap of one ulp, and norms."""
        columns = {}
        for dtype, each in self.comparisons.items():
            columns[f"jax_loss_{dtype}"] = each.jax.history.train_loss
            columns[f"torch_loss_{dtype}"] = each.torch.history.train_loss
            columns[f"gap_{dtype}"] = each.loss_gap
            if each.nudged:
                columns[f"one_ulp_{dtype}"] = each.one_ulp_gap
            if each.jax.gradient_norms.size:  # records have none
                columns[f"jax_gradient_norm_{dtype}"] = each.jax.gradient_norms
                columns[f"torch_gradient_norm_{dtype}"] = each.torch.gradient_norms
        return _table(columns, "step")

    @property
    def exit_code(self) -> int:
        """0 if the models are the same, 1 if they are not, 2 without a verdict."""
        return {Verdict.DIFFERENT: 1, Verdict.UNDECIDED: 2}.get(self.verdict, 0)

    def epochs(self) -> pd.DataFrame:
        """Return a table of the epochs, both backends side by side; in float32 if it was run."""
        import pandas as pd

        each = next(iter(self.comparisons.values()))
        runs = {"jax": each.jax, "torch": each.torch}
        # Without the seconds, since recording takes time.
        frames = {b: run.history.to_frame().drop(columns="seconds") for b, run in runs.items()}
        columns = [(column, backend) for column in frames["jax"] for backend in frames]
        return pd.concat(frames, axis=1).swaplevel(axis=1)[columns]

    def __str__(self) -> str:
        lines = [f"# {self.name}: JAX against PyTorch", "", self.setting, "", *self._verdict()]
        for dtype, each in self.comparisons.items():
            if each.chaos() > 1 and not self.first.nonfinite:
                gap = each.one_ulp_gap.max()
                lines += ["", f"Training in {dtype} is chaotic: one ulp in the initial weights "
                          f"moves a backend's loss by {gap:.1e}."]  # fmt: skip
        for title, notes in self._notes().items():
            lines += ["", title, "", *(f"- {note}" for note in notes)]
        lines += ["", markdown(self.differences()), ""]
        for parameter, share in self.only_rounding.items():
            where = in_both(parameter, self.first.paths[parameter])
            lines += [f"The gradient of {where} is zero up to rounding on both sides: at most "
                      f"{share:.0e} of the total gradient norm in float64, in units of which its "
                      "gap is given.", ""]  # fmt: skip
        for dtype, each in self.comparisons.items():
            differing = each.predictions()
            if differing:
                lines += [f"Predicted classes that differ, {dtype}: {differing[0]} of "
                          f"{differing[1]}.", ""]  # fmt: skip
        dtype, each = next(iter(self.comparisons.items()))
        seconds = each.seconds()
        if len(seconds) == 2:
            lines += [f"Seconds an epoch in {dtype}, each step recorded: {seconds['jax']:.3g} in "
                      f"JAX (compiled before), {seconds['torch']:.3g} in PyTorch.", ""]  # fmt: skip
        lines += ["The first minibatch in float64, layer by layer:", ""]
        return "\n".join([*lines, markdown(self.layers())])

    def _verdict(self) -> list[str]:
        """Return the lines of the verdict and its reasons."""
        sentence = {
            Verdict.SAME: "The same: equal weights and equal minibatches gave equal training runs.",
            Verdict.SAME_IN_FLOAT64: "The same in float64: equal weights and equal minibatches "
            "gave equal training runs. In float32 training is chaotic and shows nothing.",
            Verdict.DIFFERENT: "**Not the same.**",
            Verdict.UNDECIDED: "**No verdict.**",
        }[self.verdict]
        reasons = [f"- {text}" for text in self.failures]
        return [sentence, "", *reasons] if reasons else [sentence]

    def _notes(self) -> dict[str, list[str]]:
        """Return what a reader should know of the comparison, by titles."""
        guessed = [f"`{ours}` is `{theirs}`" for ours, theirs in self.pairing.guessed.items()]
        transposed = [f"`{name}`" for name in sorted(self.pairing.transposed)]
        patches = [f"`{name}`" for name in sorted(self.pairing.channels_last)]
        narrow = [f"{side}: {', '.join(places)}" for side, places in self.first.narrow.items()]
        notes = {
            "Paired by the order of calls or by similar names, JAX's first (`mapping` decides "
            "otherwise):": guessed,
            "Arrays whose axes the models have in another order, by JAX's names:": transposed,
            "Weights for patches that are flattened channels last, by JAX's names:": patches,
            "State that is not shared:": self.pairing.left_out,
            "Parameters that only one model has:": self.first.unused,
            "Computed in less than float64:": narrow,
        }
        return {title: lines for title, lines in notes.items() if lines}

    def save_junit(self, path: str | Path) -> Path:
        """
        Write the verdict as a JUnit file, which services for continuous integration read.

        Parameters
        ----------
        path : str or Path
            Missing folders are created.
        """
        from d2l_parity.junit import write_junit

        return write_junit(self, Path(path))

    def save(self, path: str | Path) -> dict[str, Path]:
        """
        Write the report to three files: Markdown, CSV (a row a step) and PNG.

        Parameters
        ----------
        path : str or Path
            Without an ending, or with one of the three; missing folders are created.

        Returns
        -------
        dict
            `{"md": path, "csv": path, "png": path}`.
        """
        from d2l_parity.picture import draw

        path = Path(path)
        if path.suffix in (".md", ".csv", ".png"):
            path = path.with_suffix("")
        path.parent.mkdir(parents=True, exist_ok=True)
        paths = {kind: path.with_name(f"{path.name}.{kind}") for kind in ("md", "csv", "png")}
        picture = f"![Loss curves and their gaps]({paths['png'].name})"
        paths["md"].write_text(f"{self}\n\n{picture}\n", encoding="utf-8")
        self.steps().to_csv(paths["csv"])
        draw(self).savefig(paths["png"], dpi=150)
        return paths


def _table(columns: Any, name: str, index: Any = None) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns, index).rename_axis(name)


def markdown(frame: pd.DataFrame) -> str:
    """Return a table as Markdown, with floats as `1.2e-03`; NaN is left empty."""

    def cell(value: Any) -> str:
        if isinstance(value, float):
            return "" if np.isnan(value) else f"{value:.1e}"
        return str(value)

    table = frame.reset_index()
    rows = [list(map(str, table.columns)), *(list(map(cell, row)) for row in table.to_numpy())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    padded = ([text.ljust(w) for text, w in zip(row, widths, strict=True)] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)
