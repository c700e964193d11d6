"""Layers of NNX that consist of layers, and that PyTorch stores as one: attention, recurrent."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from flax import nnx

from .layer_layouts import flattened

Arrays = dict[str, np.ndarray]
Convert = Callable[[Arrays], Arrays]


class Packed(NamedTuple):
    """
    A layer of PyTorch, or one direction of it, and the NNX leaves that it holds.

    The attributes are those of `Unit`; `leaves` holds names within the layer.
    """

    kind: str
    suffix: str
    leaves: frozenset[str]
    to_torch: Convert
    to_jax: Convert
    absent: frozenset[str] = frozenset()
    lost: Callable[[Arrays], list[str]] = lambda arrays: []


def packed(layer: Any) -> list[Packed]:
    """Return how PyTorch stores `layer` as one; an empty list if it does not."""
    if isinstance(layer, nnx.MultiHeadAttention):
        return attention(layer)
    if isinstance(layer, nnx.RNNCellBase):
        cell = cell_of(layer)
        return [pack_cell(cell, f"{cell.kind}Cell", "", "")] if cell else []
    return recurrent(layer)


def attention(layer: nnx.MultiHeadAttention) -> list[Packed]:
    """Return the layout of attention; PyTorch requires equal sizes and as many heads of keys."""
    size, inputs, heads = layer.in_features, layer.in_kv_features, (layer.num_heads, layer.head_dim)
    if (
        layer.normalize_qk
        or layer.num_kv_heads != layer.num_heads
        or not size == layer.qkv_features == layer.out_features
    ):
        return []
    names = ("query", "key", "value")
    rules = {
        f"{name}.{leaf}": rule
        for name, width in zip(names, (size, inputs, inputs), strict=True)
        for leaf, rule in flattened((width,), heads).items()
    } | {f"out.{leaf}": rule for leaf, rule in flattened(heads, (size,)).items()}
    rules = {leaf: rule for leaf, rule in rules.items() if layer.use_bias or "bias" not in leaf}
    separate = [f"{name[0]}_proj_weight" for name in names] if inputs != size else []

    def to_torch(values: Arrays) -> Arrays:
        parts = {leaf: rules[leaf].to_torch(x) for leaf, x in values.items()}
        weights = [parts[f"{name}.kernel"] for name in names]
        result = dict(zip(separate, weights, strict=True)) if separate else {}
        result |= {} if separate else {"in_proj_weight": np.concatenate(weights)}
        result["out_proj.weight"] = parts["out.kernel"]
        if layer.use_bias:
            result["in_proj_bias"] = np.concatenate([parts[f"{name}.bias"] for name in names])
            result["out_proj.bias"] = parts["out.bias"]
        return result

    def to_jax(values: Arrays) -> Arrays:
        weights = [values[name] for name in separate] or np.split(values["in_proj_weight"], 3)
        parts = {f"{name}.kernel": W for name, W in zip(names, weights, strict=True)}
        parts["out.kernel"] = values["out_proj.weight"]
        if layer.use_bias:
            biases = np.split(values["in_proj_bias"], 3)
            parts |= {f"{name}.bias": b for name, b in zip(names, biases, strict=True)}
            parts["out.bias"] = values["out_proj.bias"]
        return {leaf: rules[leaf].to_jax(x) for leaf, x in parts.items()}

    return [Packed("MultiheadAttention", "", frozenset(rules), to_torch, to_jax)]


class Cell(NamedTuple):
    """A recurrent cell: PyTorch's class, the linear layers of each matrix, the only bias."""

    kind: str
    inputs: tuple[str, ...]
    hidden: tuple[str, ...]
    bias: str  # "bias_ih" or "bias_hh"


# NNX has the gates in PyTorch's order: input, forget, cell, output; reset, update, new.
CELLS: dict[type, Cell] = {
    nnx.LSTMCell: Cell("LSTM", ("ii", "if_", "ig", "io"), ("hi", "hf", "hg", "ho"), "bias_hh"),
    nnx.OptimizedLSTMCell: Cell("LSTM", ("dense_i",), ("dense_h",), "bias_hh"),
    nnx.GRUCell: Cell("GRU", ("dense_i",), ("dense_h",), "bias_ih"),
    nnx.SimpleCell: Cell("RNN", ("dense_i",), ("dense_h",), "bias_ih"),
}


def cell_of(layer: Any) -> Cell | None:
    """Return the entry of a cell in `CELLS`, None if PyTorch does not have the cell."""
    if isinstance(layer, nnx.SimpleCell) and layer.residual:
        return None
    return next((cell for kind, cell in CELLS.items() if isinstance(layer, kind)), None)


def recurrent(layer: Any) -> list[Packed]:
    """Return the layout of an nnx.RNN, an nnx.Bidirectional, or an nnx.Sequential of only these."""
    stacked = isinstance(layer, nnx.Sequential) and len(layer.layers) > 1
    layers = [directions(each) for each in (layer.layers if stacked else [layer])]
    rnns = [rnn for each in layers for rnn in each.values()]
    if not all(isinstance(rnn, nnx.RNN) for rnn in rnns):
        return []
    cells = [cell_of(rnn.cell) for rnn in rnns]
    sizes = {
        (cell.kind, rnn.cell.hidden_features) for cell, rnn in zip(cells, rnns, strict=True) if cell
    }
    if None in cells or len(sizes) > 1 or len({len(each) for each in layers}) > 1:
        return []
    return [
        pack_cell(cell, cell.kind, f"{f'layers.{i}.' * stacked}{step}cell.", f"_l{i}{suffix}")
        for i, each in enumerate(layers)
        for (step, rnn), suffix in zip(each.items(), ("", "_reverse"), strict=False)
        if (cell := cell_of(rnn.cell))
    ]


def directions(layer: Any) -> dict[str, Any]:
    """Return the layer of each direction by the path that leads to it, with a dot behind."""
    if isinstance(layer, nnx.Bidirectional):
        return {"forward_rnn.": layer.forward_rnn, "backward_rnn.": layer.backward_rnn}
    return {"": layer}


def pack_cell(cell: Cell, kind: str, prefix: str, suffix: str) -> Packed:
    """
    Return the layout of a cell whose leaves start with `prefix`.

    PyTorch adds two biases where NNX has one. In a GRU the new gate's second bias stands inside a
    product, `r * (W_hn h + b_hn)`, so it cannot be added to the first.
    """
    layers = {"ih": cell.inputs, "hh": cell.hidden}
    side = cell.bias.removeprefix("bias_")
    other = "bias_hh" if side == "ih" else "bias_ih"
    biases = [f"{prefix}{name}.bias" for name in layers[side]]
    kernels = {key: [f"{prefix}{name}.kernel" for name in names] for key, names in layers.items()}

    def to_torch(values: Arrays) -> Arrays:
        result = {
            f"weight_{key}": np.concatenate([values[leaf] for leaf in leaves], axis=1).T
            for key, leaves in kernels.items()
        }
        bias = np.concatenate([values[leaf] for leaf in biases])
        return result | {cell.bias: bias, other: np.zeros_like(bias)}

    def to_jax(values: Arrays) -> Arrays:
        bias, added = values[cell.bias], values[other].copy()
        if cell.kind == "GRU":
            added[inside_product(added)] = 0
        whole = np.where(added == 0, bias, bias + added)  # so that the sign of a 0 stays
        result = dict(zip(biases, np.split(whole, len(biases)), strict=True))
        for key, leaves in kernels.items():
            parts = np.split(values[f"weight_{key}"].T, len(leaves), axis=1)
            result |= dict(zip(leaves, parts, strict=True))
        return result

    def lost(values: Arrays) -> list[str]:
        hidden = values[other]
        return [other] if cell.kind == "GRU" and hidden[inside_product(hidden)].any() else []

    held = frozenset([*biases, *kernels["ih"], *kernels["hh"]])
    return Packed(kind, suffix, held, to_torch, to_jax, frozenset([other]), lost)


def inside_product(bias: np.ndarray) -> slice:
    """Return the part of a GRU's hidden bias that belongs to the new gate."""
    return slice(2 * len(bias) // 3, None)
