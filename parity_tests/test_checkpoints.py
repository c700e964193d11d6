"""A run that one backend began and the other one resumed is as close as a run of one alone."""

import warnings

import numpy as np
import optax
import pytest
import safetensors.numpy
import torch

from d2l_common.training import checkpoint_files as files
from d2l_parity import RUNS
from parity_tests.support.backends import BACKENDS, precision
from tests.support.runs import OPTIMIZERS, data_of

TRANSLATED = ["sgd", "momentum", "adam", "adamw"]
ZERO_MODEL_LOSS = np.log(3)


def model_of(d2l, optimizer):
    """Return a perceptron whose initial weights are the same on both backends."""
    is_jax = d2l is BACKENDS["jax"]

    class Reader(d2l.MLP):
        def configure_optimizers(self):
            return OPTIMIZERS[optimizer][not is_jax](
                self.lr, () if is_jax else list(self.parameters())
            )

    model = Reader(3, 8, lr=0.05, num_inputs=6)
    d2l.import_weights(model, d2l.initial_weights(d2l.export_weights(model), seed=0, scheme="he"))
    return model


def fit(d2l, folder, optimizer, epochs, **options):
    """Return the model and the history of a fit that writes checkpoints."""
    model, data = model_of(d2l, optimizer), data_of(d2l)
    trainer = d2l.Trainer(epochs, checkpoint=folder, ema_decay=0.75)
    return model, trainer.fit(model, data, **options)


def moments(folder, number):
    return safetensors.numpy.load_file(files.path_of(folder, number) / "optimizer.safetensors")


def without_averages(folder, number):
    """Take the averages out of a checkpoint."""
    contents, about = files.read(folder, number)
    files.remove(folder, number)
    kept = {k: x for k, x in contents.items() if k != "optimizer.safetensors"}
    files.write(
        folder, number, {**kept, "optimizer.safetensors": safetensors.numpy.save({})}, about, keep=9
    )


def check_resumed(folder, writer, optimizer):
    """Raise unless a run that `writer` began ends on the other backend as it does there alone."""
    [reader] = [d2l for name, d2l in BACKENDS.items() if name != writer]
    with precision("float64"):
        alone, expected = fit(reader, folder / "alone", optimizer, epochs=4)
        fit(BACKENDS[writer], folder / "run", optimizer, epochs=2)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*goes on without the random streams of")
            resumed, history = fit(reader, folder / "run", optimizer, epochs=4, resume=True)
    # Adam divides by the root of a moment, which magnifies a rounding where the gradient is small.
    bound = RUNS["float64"].loss * (10 if "adam" in optimizer else 1)
    assert history.train_loss.shape == expected.train_loss.shape
    gap = abs(history.train_loss - expected.train_loss) / (expected.train_loss + ZERO_MODEL_LOSS)
    assert gap.max() <= bound
    np.testing.assert_allclose(history.val_loss, expected.val_loss, rtol=bound, atol=bound)
    np.testing.assert_array_equal(history.batch_sizes, expected.batch_sizes)
    weights = reader.export_weights(resumed)
    for name, array in reader.export_weights(alone).items():
        assert np.linalg.norm(weights[name] - array) <= RUNS["float64"].weights
    ours, theirs = moments(folder / "run", 4), moments(folder / "alone", 4)
    assert ours.keys() == theirs.keys()
    assert {f"{name}.average" for name in weights} <= ours.keys()
    for name, array in theirs.items():
        if not name.endswith(".step"):  # PyTorch's has the default float type
            assert ours[name].dtype == array.dtype
        np.testing.assert_allclose(ours[name], array, rtol=0, atol=RUNS["float64"].weights)


@pytest.mark.slow
@pytest.mark.parametrize("writer", BACKENDS)
@pytest.mark.parametrize("optimizer", TRANSLATED)
def test_the_other_backend_goes_on(tmp_path, writer, optimizer):
    check_resumed(tmp_path, writer, optimizer)


def test_both_write_the_same_arrays(tmp_path):
    files = {}
    with precision("float64"):
        for name, d2l in BACKENDS.items():
            fit(d2l, tmp_path / name, "adamw", epochs=2)
            files[name] = moments(tmp_path / name, 2)
    assert files["jax"].keys() == files["torch"].keys()
    for name, array in files["torch"].items():
        assert files["jax"][name].shape == array.shape
        assert name.endswith(".step") or files["jax"][name].dtype == array.dtype
        # As for weights after a whole run.
        np.testing.assert_allclose(files["jax"][name], array, rtol=0, atol=RUNS["float64"].weights)


@pytest.mark.parametrize("writer", BACKENDS)
def test_what_is_not_carried_on_is_said(tmp_path, writer):
    [reader] = [d2l for name, d2l in BACKENDS.items() if name != writer]
    fit(BACKENDS[writer], tmp_path, "rmsprop", epochs=1)
    without_averages(tmp_path, 1)
    frameworks = {"jax": "JAX", "torch": "PyTorch"}
    ours = frameworks[writer]
    with pytest.warns(UserWarning) as caught:
        fit(reader, tmp_path, "rmsprop", epochs=2, resume=True)
    messages = [str(x.message) for x in caught if "goes on without" in str(x.message)]
    assert len(messages) == 1
    state = {"jax": "the state of the optimizer", "torch": "the state of RMSprop"}[writer]
    assert f"was written with {ours}" in messages[0]
    average = "the average of the weights, which starts from the restored weights"
    assert messages[0].endswith(f"the random streams of {ours} and {state} and {average}")


@pytest.mark.parametrize("writer", BACKENDS)
def test_another_optimizer_on_the_other_backend(tmp_path, writer):
    [reader] = [d2l for name, d2l in BACKENDS.items() if name != writer]
    fit(BACKENDS[writer], tmp_path, "momentum", epochs=1)
    message = r"the optimizer must keep \['momentum_buffer'\] of each parameter, as in the check"
    with pytest.raises(ValueError, match=message):
        fit(reader, tmp_path, "adam", epochs=2, resume=True)


def test_save_and_load_across_backends(tmp_path):
    """The book's own functions, for plain models and optimizers of each framework."""
    from flax import nnx

    jax, torch_d2l = BACKENDS["jax"], BACKENDS["torch"]
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1)
    net(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    torch_d2l.save_checkpoint(tmp_path / "a", net, optimizer, step=1, cfg={"width": 2})
    twin = nnx.Sequential(nnx.Linear(3, 2, rngs=nnx.Rngs(0)), nnx.relu)
    twin_optimizer = nnx.Optimizer(twin, optax.adamw(0.1), wrt=nnx.Param)
    with pytest.warns(UserWarning, match="written with PyTorch, so JAX goes on without the random"):
        state = jax.load_checkpoint(tmp_path / "a", twin, twin_optimizer)
    assert (state["step"], state["cfg"]) == (1, {"width": 2})
    moment = twin_optimizer.opt_state[0].mu["layers"][0]["kernel"][...]
    expected = optimizer.state[net[0].weight]["exp_avg"]
    np.testing.assert_array_equal(np.asarray(moment), expected.numpy().T)
    assert int(twin_optimizer.step[...]) == int(twin_optimizer.opt_state[0].count[...]) == 1
    jax.save_checkpoint(tmp_path / "b", twin, twin_optimizer, step=1)
    before = {name: x.clone() for name, x in optimizer.state[net[0].weight].items()}
    optimizer.state[net[0].weight]["exp_avg"].zero_()
    with pytest.warns(UserWarning, match="written with JAX, so PyTorch goes on without the random"):
        torch_d2l.load_checkpoint(tmp_path / "b", net, optimizer)
    for name, x in optimizer.state[net[0].weight].items():
        torch.testing.assert_close(x, before[name], rtol=0, atol=0)
