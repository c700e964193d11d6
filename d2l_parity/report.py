"""Report a comparison: a verdict, tables, and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from d2l_parity.comparison import Comparison
from d2l_parity.first_minibatch import FirstMinibatch, in_both

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
    """

    name: str
    setting: str
    comparisons: dict[str, Comparison]
    first: FirstMinibatch
    only_rounding: dict[str, float]

    @property
    def failures(self) -> list[str]:
        """Sentences on where the models first differ, and on each bound that is exceeded."""
        exceeded = [text for each in self.comparisons.values() for text in each.failures()]
        first = self.first.first_difference()
        labels = {label for each in self.comparisons.values() for label in each.exceeded()}
        if labels and labels <= {"validation loss", "validation accuracy"}:
            first = first or (
                "Training is the same and validation is not: look at what evaluation mode changes, "
                "such as dropout or the running averages of batch normalization."
            )
        elif exceeded and not first:
            first = (
                "The first minibatch is the same forward and backward: look at the optimizers "
                "or at what changes from step to step."
            )
        return [first, *exceeded] if first else exceeded

    @property
    def agree(self) -> bool:
        """True if every bound holds."""
        return not self.failures

    def differences(self) -> pd.DataFrame:
        """Return a table of the largest relative difference of each quantity."""
        columns = {}
        for dtype, each in self.comparisons.items():
            columns[dtype] = each.largest()
            if each.nudged:
                columns[f"one ulp, {dtype}"] = each.opened()
            columns[f"bound, {dtype}"] = each.bounds()
        return _table(columns, "largest difference", index=list(columns["float32"]))

    def layers(self) -> pd.DataFrame:
        """Return a table of each layer's gaps on the first minibatch, in float64."""
        layers, root = self.first.layers, "(the model itself)"
        columns = {
            "JAX": [layer.jax_name or root for layer in layers],
            "input": [layer.input for layer in layers],
            "output": [layer.output for layer in layers],
            "gradients": [max(layer.gradients.values()) for layer in layers],
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
            columns[f"jax_gradient_norm_{dtype}"] = each.jax.gradient_norms
            columns[f"torch_gradient_norm_{dtype}"] = each.torch.gradient_norms
        return _table(columns, "step")

    def epochs(self) -> pd.DataFrame:
        """Return a table of the epochs in float32, both backends side by side."""
        import pandas as pd

        each = self.comparisons["float32"]
        runs = {"jax": each.jax, "torch": each.torch}
        # Without the seconds, since recording takes time.
        frames = {b: run.history.to_frame().drop(columns="seconds") for b, run in runs.items()}
        columns = [(column, backend) for column in frames["jax"] for backend in frames]
        return pd.concat(frames, axis=1).swaplevel(axis=1)[columns]

    def __str__(self) -> str:
        lines = [f"# {self.name}: JAX against PyTorch", "", self.setting, ""]
        if self.agree:
            lines += ["The same: equal weights and equal minibatches gave equal training runs."]
        else:
            lines += ["**Not the same.**", "", *(f"- {text}" for text in self.failures)]
        for dtype, each in self.comparisons.items():
            if each.chaos() > 1:
                gap = each.one_ulp_gap.max()
                lines += ["", f"Training in {dtype} is chaotic: one ulp in the initial weights "
                          f"moves a backend's loss by {gap:.1e}."]  # fmt: skip
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
        seconds = self.comparisons["float32"].seconds()
        if seconds:
            lines += [f"Seconds an epoch in float32: {seconds['jax']:.3g} in JAX (already "
                      f"compiled), {seconds['torch']:.3g} in PyTorch.", ""]  # fmt: skip
        lines += ["The first minibatch in float64, layer by layer:", ""]
        return "\n".join([*lines, markdown(self.layers())])

    def save(self, path: str | Path) -> dict[str, Path]:
        """
        Write the report to three files: Markdown, CSV (a row a step) and PNG.

        Parameters
        ----------
        path : str or Path
            Without an ending; missing folders are created.

        Returns
        -------
        dict
            `{"md": path, "csv": path, "png": path}`.
        """
        from d2l_parity.picture import draw

        path = Path(path)
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
