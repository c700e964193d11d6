"""The code of `docs/checkpoints.md` runs as it stands."""

import re
from pathlib import Path

import numpy as np
import pytest
from flax import nnx

import d2l_jax
from tests.support.paths import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/checkpoints.md").read_text(), re.S)


@pytest.mark.slow
def test_the_code_of_the_page(d2l, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit, save, own, without, orbax = BLOCKS
    fit = fit.replace("d2l_jax as d2l  # or d2l_torch", f"{d2l.__name__} as d2l")
    names = {"cfg": {"width": 64}, "nnx": nnx, "Path": Path, "d2l_jax": d2l_jax}
    exec(fit, names)
    names["optimizer"] = names["trainer"].optim
    exec(save, names)
    assert (names["state"]["step"], names["state"]["cfg"]) == (100, {"width": 64})
    weights = d2l.export_weights(names["model"])
    if d2l is d2l_jax:
        exec(orbax, names)
    else:
        import torch

        names |= {"torch": torch, "jax_model": d2l_jax.DropoutMLP(10, 64, 32, 0.5, 0.3, 0.1, 64)}
        exec(own + without, names)
        other = d2l_jax.export_weights(names["jax_model"])
        np.testing.assert_array_equal(other["net.1.weight"], weights["net.1.weight"])
    for name, array in d2l.export_weights(names["model"]).items():
        np.testing.assert_array_equal(array, weights[name])
