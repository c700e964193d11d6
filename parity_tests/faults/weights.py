"""Faults in the layouts of weights, and in what travels with them."""

import numpy as np

from parity_tests.faults.checks import convention, layout
from parity_tests.faults.planting import around


@around("d2l_jax.layer_layouts.transpose", caught_by=convention("transfer"))
def a_kernel_that_is_not_transposed(original, x):
    return x


@around("d2l_torch.weights.import_weights", caught_by=convention("transfer"))
def a_weight_transposed_in_transfer(original, model, weights):
    original(model, weights | {"net.1.weight": weights["net.1.weight"].T})


@around("d2l_jax.layer_layouts.rules_of", caught_by=layout("BatchNorm"))
def mean_and_variance_exchanged(original, layer):
    kind, rules = original(layer)
    if kind == "BatchNorm":
        rules = {**rules, "mean": rules["var"], "var": rules["mean"]}
    return kind, rules


@around(
    "d2l_jax.layer_layouts.rules_of",
    caught_by=layout("ConvTranspose2d, transpose_kernel=False"),
)
def a_kernel_that_is_not_mirrored(original, layer):
    kind, rules = original(layer)
    if kind == "ConvTranspose":
        weight = rules["kernel"]

        def to_torch(x):
            return np.flip(weight.to_torch(x), (2, 3))

        def to_jax(x):
            return weight.to_jax(np.flip(x, (2, 3)))

        rules = {**rules, "kernel": weight._replace(to_torch=to_torch, to_jax=to_jax)}
    return kind, rules


@around("d2l_jax.packed_layouts.attention", caught_by=layout("MultiHeadAttention"))
def queries_and_keys_exchanged(original, layer):
    [right] = original(layer)
    swapped = {"query": "key", "key": "query"}

    def to_jax(values):
        result = {}
        for leaf, x in right.to_jax(values).items():
            name, _, rest = leaf.partition(".")
            result[f"{swapped.get(name, name)}.{rest}"] = x
        return result

    return [right._replace(to_jax=to_jax)]


@around("d2l_jax.packed_layouts.pack_cell", caught_by=layout("RNN of OptimizedLSTMCell"))
def the_gates_in_another_order(original, *arguments):
    right = original(*arguments)

    def to_jax(values):
        turned = {name: np.roll(x, len(x) // 4, axis=0) for name, x in values.items()}
        return right.to_jax(turned)

    return right._replace(to_jax=to_jax)


@around("d2l_jax.packed_layouts.pack_cell", caught_by=layout("Bidirectional"))
def a_second_bias_that_is_lost(original, *arguments):
    right = original(*arguments)

    def to_jax(values):
        return right.to_jax({**values, "bias_hh": 0 * values["bias_hh"]})

    return right._replace(to_jax=to_jax)


@around("d2l_*.weights.export_weights", caught_by=layout("BatchNorm"))
def state_that_is_left_out(d2l, original, model, state=True):
    return original(model, state=False)
