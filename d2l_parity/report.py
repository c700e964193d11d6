"""The report of a comparison: a verdict, tables, and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from d2l_parity.comparison import Comparison
from d2l_parity.layers import FirstMinibatch, in_both

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Report:
    """
    How far two implementations of a model are apart; printed, it is Markdown.

    Attributes
    ----------
    name : str
        The title.
    setting : str
        What was compared: data, epochs, optimizer, precisions.
    comparisons : dict of Comparison
        The training runs in "float32" and "float64".
    first : FirstMinibatch
        The first minibatch in float64, layer by layer.
    only_rounding : dict
        `{parameter: share of the whole gradient}` where the gradient is 0 but for rounding.
    """

    name: str
    setting: str
    comparisons: dict[str, Comparison]
    first: FirstMinibatch
    only_rounding: dict[str, float]

    @property
    def failures(self) -> list[str]:
        """What is wrong, in sentences: where the models first differ, and bounds exceeded."""
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
        """Whether every bound holds."""
        return not self.failures

    def differences(self) -> pd.DataFrame:
        """Return the largest relative difference of each thing, in both precisions."""
        import pandas as pd

        columns = {}
        for dtype, each in self.comparisons.items():
            columns[dtype] = pd.Series(each.largest())
            if each.nudged:
                columns[f"one ulp, {dtype}"] = pd.Series(each.opened())
            columns[f"bound, {dtype}"] = pd.Series(each.bounds())
        order = list(next(iter(self.comparisons.values())).largest())
        return pd.DataFrame(columns).reindex(order).rename_axis("largest difference")

    def layers(self) -> pd.DataFrame:
        """Return how far each layer is apart on the first minibatch, in float64."""
        import pandas as pd

        rows = {
            layer.name or "(the model itself)": {
                "JAX": layer.jax_name or "(the model itself)",
                "input": layer.input,
                "output": layer.output,
                "gradients": max(layer.gradients.values(), default=np.nan),
            }
            for layer in self.first.layers
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("layer")

    def steps(self) -> pd.DataFrame:
        """Return a table with a row a step: losses, their gap, and what one ulp opens."""
        import pandas as pd

        columns: dict[str, Any] = {}
        for dtype, each in self.comparisons.items():
            columns[f"jax_loss_{dtype}"] = each.jax.history.train_loss
            columns[f"torch_loss_{dtype}"] = each.torch.history.train_loss
            columns[f"gap_{dtype}"] = each.loss_gap
            if each.nudged:
                columns[f"one_ulp_{dtype}"] = each.one_ulp_gap
            columns[f"jax_gradient_norm_{dtype}"] = each.jax.gradient_norms
            columns[f"torch_gradient_norm_{dtype}"] = each.torch.gradient_norms
        return pd.DataFrame(columns).rename_axis("step")

    def epochs(self) -> pd.DataFrame:
        """Return the float32 runs' table of epochs, of both backends side by side."""
        import pandas as pd

        each = self.comparisons["float32"]
        frames = {"jax": each.jax.history.to_frame(), "torch": each.torch.history.to_frame()}
        for frame in frames.values():
            del frame["seconds"]  # it would be that of a watched fit
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
                lines += ["", f"In {dtype} training is chaotic: one ulp in the initial weights "
                          f"takes a backend's loss {gap:.1e} from itself."]  # fmt: skip
        lines += ["", markdown(self.differences(), "{:.1e}"), ""]
        for parameter, share in self.only_rounding.items():
            where = in_both(parameter, self.first.paths[parameter])
            lines += [f"The gradient of {where} is zero up to rounding on both sides: at most "
                      f"{share:.0e} of the whole gradient in float64, in units of which its gap "
                      "is counted.", ""]  # fmt: skip
        for dtype, each in self.comparisons.items():
            differing = each.predictions()
            if differing:
                lines += [f"Predicted classes that differ, {dtype}: {differing[0]} of "
                          f"{differing[1]}.", ""]  # fmt: skip
        seconds = self.comparisons["float32"].seconds()
        if seconds:
            lines += [f"Seconds an epoch in float32: {seconds['jax']:.3g} in JAX (compiled "
                      f"before), {seconds['torch']:.3g} in PyTorch.", ""]  # fmt: skip
        lines += ["The first minibatch in float64, layer by layer:", ""]
        return "\n".join([*lines, markdown(self.layers(), "{:.1e}")])

    def save(self, path: str | Path) -> dict[str, Path]:
        """
        Write the report beside each other as Markdown, CSV (a row a step) and PNG.

        Parameters
        ----------
        path : str or Path
            Without an ending; folders are made.

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


def markdown(frame: pd.DataFrame, number: str) -> str:
    """Return a table as Markdown, with `number` as the format of floats; NaN is left empty."""

    def cell(value: Any) -> str:
        if isinstance(value, float):
            return "" if np.isnan(value) else number.format(value)
        return str(value)

    rows = [[str(frame.index.name or ""), *map(str, frame.columns)]]
    rows += [
        [str(name), *map(cell, row)]
        for name, row in zip(frame.index, frame.to_numpy(), strict=True)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)
