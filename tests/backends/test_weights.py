"""Weights by name and in files: parameters, state, tied weights, types and damaged files."""

import json
import os

import jax
import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

import d2l_jax
import d2l_torch

BACKENDS = {"jax": d2l_jax, "torch": d2l_torch}


def net(d2l, seed=0):
    """Return a network with a BatchNorm, whose running averages are not those of the start."""
    if d2l is d2l_jax:
        rngs = nnx.Rngs(seed)
        model = nnx.Sequential(
            nnx.Linear(3, 4, rngs=rngs),
            nnx.BatchNorm(4, momentum=0.9, rngs=rngs),
            nnx.Dropout(0.5, rngs=rngs),
            nnx.Linear(4, 2, rngs=rngs),
        )
        model(jnp.array(np.random.default_rng(seed).standard_normal((8, 3))))
        return model
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    model(torch.randn(8, 3))
    return model


def evaluate(model, X):
    """Return the output of a network of either framework in evaluation mode, as an array."""
    model.eval()
    if isinstance(model, nn.Module):
        return model(torch.tensor(X)).detach().numpy()
    return np.asarray(model(jnp.array(X)))


NAMES = {
    *("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"),
    *("3.weight", "3.bias"),
}


def assert_same(weights, expected):
    assert weights.keys() == expected.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_state_travels_too(d2l):
    model = net(d2l)
    weights = d2l.export_weights(model)
    assert set(weights) == NAMES
    assert abs(weights["1.running_mean"]).min() > 0 and (weights["1.running_var"] != 1).all()
    X = np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)
    for other_d2l in BACKENDS.values():
        other = net(other_d2l, seed=1)
        assert abs(evaluate(other, X) - evaluate(model, X)).max() > 1e-2
        other_d2l.import_weights(other, weights)
        assert_same(other_d2l.export_weights(other), weights)
        # Dot products of 4 terms of order 1 in float32, whose roundings are 6e-8.
        np.testing.assert_allclose(evaluate(other, X), evaluate(model, X), rtol=0, atol=1e-5)


def test_exported_arrays_are_copies(d2l):
    model = net(d2l)
    weights, before = d2l.export_weights(model), d2l.export_weights(model)
    for array in weights.values():
        array += 1
    assert_same(d2l.export_weights(model), before)


def test_parameters_alone(d2l):
    model, other = net(d2l), net(d2l, seed=1)
    weights, before = d2l.export_weights(model, state=False), d2l.export_weights(other)
    assert set(weights) == {name for name in NAMES if "running" not in name}
    d2l.import_weights(other, weights)
    state = {name: array for name, array in before.items() if "running" in name}
    assert_same(d2l.export_weights(other), weights | state)


def test_some_of_the_state_is_missing(d2l):
    model = net(d2l)
    weights = d2l.export_weights(model)
    del weights["1.running_var"]
    with pytest.raises(ValueError, match=r"missing \['1.running_var'\], unknown \[\]"):
        d2l.import_weights(model, weights)


def test_the_count_of_minibatches_is_ignored(d2l):
    weights = d2l.export_weights(net(d2l))
    d2l.import_weights(net(d2l), weights | {"1.num_batches_tracked": np.array(3)})
    with pytest.raises(ValueError, match=r"unknown \['1.num_batches'\]"):
        d2l.import_weights(net(d2l), weights | {"1.num_batches": np.array(3)})


def test_initial_weights_draw_no_state(d2l):
    model = net(d2l)
    before = d2l.export_weights(model)
    weights = d2l.initial_weights(before, seed=0)
    assert set(weights) == {name for name in NAMES if "running" not in name}
    d2l.import_weights(model, weights)
    np.testing.assert_array_equal(
        d2l.export_weights(model)["1.running_var"], before["1.running_var"]
    )


def test_buffers_and_variables_of_a_readers_class(d2l):
    class JaxReader(nnx.Module):
        def __init__(self):
            self.w = nnx.Param(jnp.ones(2))
            self.mask = nnx.Variable(jnp.array([True, False]))
            self.count = nnx.Variable(jnp.array(7))
            self.left_out = jnp.ones(2)
            self.cache = nnx.Cache(jnp.ones(2))
            self.dropout = nnx.Dropout(0.5, rngs=nnx.Rngs(0))
            self.layers = nnx.List([nnx.Param(jnp.zeros(1))])

    class TorchReader(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(2))
            self.register_buffer("mask", torch.tensor([True, False]))
            self.register_buffer("count", torch.tensor(7, dtype=torch.int32))
            self.register_buffer("cache", torch.ones(2), persistent=False)
            self.left_out = torch.ones(2)
            self.layers = nn.ParameterList([nn.Parameter(torch.zeros(1))])

    model = JaxReader() if d2l is d2l_jax else TorchReader()
    weights = d2l.export_weights(model)
    assert {name: x.dtype for name, x in weights.items()} == {
        "w": np.float32, "mask": bool, "count": np.int32, "layers.0": np.float32
    }  # fmt: skip
    changed = {"w": [3.0, 4.0], "mask": [False, True], "count": 9, "layers.0": [5.0]}
    d2l.import_weights(model, changed)
    assert_same(d2l.export_weights(model), changed)


def test_an_array_that_is_a_plain_attribute_may_be_given_in_jax():
    class Reader(nnx.Module):
        def __init__(self):
            self.w, self.average = nnx.Param(jnp.ones(2)), jnp.zeros(2)

    model = Reader()
    assert set(d2l_jax.export_weights(model)) == {"w"}
    d2l_jax.import_weights(model, {"w": np.zeros(2), "average": np.array([1.0, 2.0])})
    np.testing.assert_array_equal(model.average, [1, 2])


def test_lazy_normalization_gets_its_shape_in_torch():
    weights = d2l_torch.export_weights(net(d2l_torch))
    for given in (weights, {name: x for name, x in weights.items() if "running" not in name}):
        lazy = nn.Sequential(
            nn.LazyLinear(4), nn.LazyBatchNorm1d(), nn.Dropout(0.5), nn.LazyLinear(2)
        )
        d2l_torch.import_weights(lazy, given)
        np.testing.assert_array_equal(
            lazy[1].running_var, given.get("1.running_var", np.ones(4, np.float32))
        )
        assert lazy(torch.zeros(5, 3)).shape == (5, 2)


# -- files -------------------------------------------------------------------------------------


def test_files_cross_over(d2l, tmp_path):
    model, path = net(d2l), tmp_path / "net.safetensors"
    d2l.save_weights(path, model)
    assert os.listdir(tmp_path) == ["net.safetensors"]
    for other_d2l in BACKENDS.values():
        other = net(other_d2l, seed=1)
        other_d2l.load_weights(str(path), other)
        assert_same(other_d2l.export_weights(other), d2l.export_weights(model))
    plain = safetensors.torch.load_file(path)
    theirs = net(d2l_torch, seed=1)
    theirs.load_state_dict(plain)
    assert_same(d2l_torch.export_weights(theirs), d2l.export_weights(model))


def test_plain_files_are_read(d2l, tmp_path):
    theirs, path = net(d2l_torch), tmp_path / "net.safetensors"
    safetensors.torch.save_file(theirs.state_dict(), path)
    model = net(d2l, seed=1)
    d2l.load_weights(path, model)
    assert_same(d2l.export_weights(model), d2l_torch.export_weights(theirs))


def test_metadata_has_the_versions(d2l, tmp_path):
    path = tmp_path / "net.safetensors"
    d2l.save_weights(path, net(d2l))
    with safetensors.safe_open(path, framework="np") as file:
        about = file.metadata()
    frameworks = {"jax", "flax"} if d2l is d2l_jax else {"torch"}
    assert set(about) == {"format", "d2l_twins", "d2l_twins_format"} | frameworks
    assert about["d2l_twins"] == d2l.__version__ and about["d2l_twins_format"] == "1"
    assert about["format"] == "pt"


@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float32", "float64", "int8", "int32", "int64", "bool"]
)
def test_types_stay(d2l, dtype, tmp_path):
    values = [0, 1, 3, 127] if dtype != "bool" else [True, False, True, True]

    class JaxReader(nnx.Module):
        def __init__(self, values):
            self.x = nnx.Variable(jnp.array(values, dtype))

    class TorchReader(nn.Module):
        def __init__(self, values):
            super().__init__()
            self.register_buffer("x", torch.tensor(values, dtype=getattr(torch, dtype)))

    Readers = {"jax": JaxReader, "torch": TorchReader}
    path = tmp_path / "x.safetensors"
    with jax.enable_x64(True):
        models = {name: Reader(values) for name, Reader in Readers.items()}
        others = {name: Reader([0] * 4) for name, Reader in Readers.items()}
    [ours] = [name for name in BACKENDS if BACKENDS[name] is d2l]
    d2l.save_weights(path, models[ours])  # JAX's default types have 32 bits here
    stored = safetensors.torch.load_file(path)["x"]
    assert stored.dtype == getattr(torch, dtype) and stored.tolist() == values
    for name, other in others.items():
        BACKENDS[name].load_weights(path, other)
        assert str(other.x.dtype).removeprefix("torch.") == dtype
        assert np.array_equal(other.x[...].tolist(), values)


def test_tied_weights_are_stored_once(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb, self.out = nn.Embedding(5, 3), nn.Linear(3, 5)
            self.out.weight = self.emb.weight

    model, other, path = Tied(), Tied(), tmp_path / "tied.safetensors"
    d2l_torch.save_weights(path, model)
    assert set(safetensors.torch.load_file(path)) == {"emb.weight", "out.bias"}
    d2l_torch.load_weights(path, other)
    assert other.out.weight is other.emb.weight
    assert_same(d2l_torch.export_weights(other), d2l_torch.export_weights(model))
    third = Tied()
    third.load_state_dict(safetensors.torch.load_file(path), strict=False)
    assert_same(d2l_torch.export_weights(third), d2l_torch.export_weights(model))


@pytest.mark.parametrize(
    "damage, words",
    [
        (lambda data: data[:-1], "must be a whole safetensors file"),
        (lambda data: data[:20], "must be a whole safetensors file"),
        (lambda data: b"", "must be a whole safetensors file"),
        (lambda data: data + b"0", "must be a whole safetensors file"),
        (lambda data: b"PK\x03\x04" + data, "must be a whole safetensors file"),
        (lambda data: data.replace(b'format":"1"', b'format":"2"'), "format 1 or earlier, got 2"),
        (lambda data: data.replace(b"running_var", b"running_std"), "missing .'1.running_var'."),
        (lambda data: data.replace(b"[4,3]", b"[3,4]"), r"'0.weight'. must have shape \(4, 3\)"),
    ],
)
def test_damaged_files(d2l, damage, words, tmp_path):
    model, path = net(d2l), tmp_path / "net.safetensors"
    d2l.save_weights(path, net(d2l, seed=1))
    data = path.read_bytes()
    assert damage(data) != data
    path.write_bytes(damage(data))
    before = d2l.export_weights(model)
    with pytest.raises(ValueError, match=words) as caught:
        d2l.load_weights(path, model)
    assert "net.safetensors" in str(caught.value)
    assert_same(d2l.export_weights(model), before)


def test_paths(d2l, tmp_path):
    model = net(d2l)
    for act in (d2l.save_weights, d2l.load_weights):
        with pytest.raises(ValueError, match=r"path must end in .safetensors, got 'mlp.params'"):
            act("mlp.params", model)
        with pytest.raises(TypeError, match=r"model must be an nnx?.Module, got str; pass the mod"):
            act(tmp_path / "net.safetensors", "m")
        with pytest.raises(TypeError, match="path must be a path, got Sequential"):
            act(model, "mlp.safetensors")
    with pytest.raises(FileNotFoundError, match=r"there is no file .*net.safetensors"):
        d2l.load_weights(tmp_path / "net.safetensors", model)
    with pytest.raises(FileNotFoundError, match=r"the folder .*missing' does not exist"):
        d2l.save_weights(tmp_path / "missing" / "net.safetensors", model)


def test_a_failed_save_leaves_the_earlier_file(d2l, tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    d2l.save_weights(path, net(d2l))
    data = path.read_bytes()

    def full(descriptor):
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space left"):
            d2l.save_weights(path, net(d2l, seed=1))
    assert path.read_bytes() == data and os.listdir(tmp_path) == ["net.safetensors"]
    d2l.save_weights(path, net(d2l, seed=1))
    assert path.read_bytes() != data


def test_a_type_that_numpy_lacks(d2l, tmp_path):
    path = tmp_path / "net.safetensors"
    header = {"0.weight": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"0")
    with pytest.raises(ValueError, match=r"0.weight in .* got F8_E4M3"):
        d2l.load_weights(path, net(d2l))
