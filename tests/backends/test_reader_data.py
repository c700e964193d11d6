"""Data as readers have them: labels, indices, loaders of their own."""

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp

import d2l_jax
import d2l_torch
from tests.support.fits import regression, zeros


@pytest.mark.slow
@pytest.mark.parametrize("bad", [-1, -100, 3])
def test_labels_that_nobody_checked_are_not_trusted(d2l, bad):
    """A plain Module with a loss of classes: an error, in JAX at the end of the epoch."""

    class Reader(d2l.Module):
        def __init__(self):
            super().__init__()
            self.lr = 0.1
            self.net = d2l.SoftmaxRegression(3, 0.1, num_inputs=4).net

        def loss(self, y_hat, y):
            return d2l.softmax_cross_entropy(y_hat, y)

    class Data(d2l.DataModule):
        batch_size = 4

        def get_dataloader(self, train):
            return self.get_tensorloader((d2l.ones(4, 4), d2l.tensor([0, 1, 2, bad])), train)

    # The first example alone is fine; the rest come to light in the step.
    with pytest.raises(ValueError, match=f"labels must be from 0 to 2, got {bad}"):
        d2l.Trainer(max_epochs=1).fit(Reader(), Data())


@pytest.mark.slow
@pytest.mark.parametrize("where", ["transform", "prepare_batch"])
def test_labels_are_checked_as_the_model_gets_them(d2l, where):
    class Data(d2l.DataModule):
        batch_size = 2

        def get_dataloader(self, train):
            tensors = d2l.ones(3, 4), d2l.tensor([1, 2, 3])
            transform = (lambda X, y: (X, y - 1)) if where == "transform" else None
            return self.get_tensorloader(tensors, train, transform=transform)

    class Trainer(d2l.Trainer):
        def prepare_batch(self, batch):
            X, y = batch
            return X, (y - 1 if where == "prepare_batch" else y)

    model = d2l.SoftmaxRegression(3, 0.1, num_inputs=4)
    assert np.isfinite(Trainer(max_epochs=1).fit(model, Data()).train_loss).all()
    with pytest.raises(ValueError, match="labels must be from 0 to 1, got 2"):
        Trainer(max_epochs=1).fit(d2l.SoftmaxRegression(2, 0.1, num_inputs=4), Data())


def test_validation_does_not_move_the_order_of_training(d2l):
    runs = []
    for validate in (True, False):
        data = regression(d2l)
        if not validate:
            data.val_dataloader = lambda: None
        model = zeros(d2l, d2l.LinearRegressionScratch(2, lr=0.03))
        runs.append(d2l.Trainer(max_epochs=2).fit(model, data).train_loss)
    np.testing.assert_array_equal(*runs)


def test_validation_data_that_do_not_fit_are_found_before_training(d2l):
    data = regression(d2l)
    wrong = d2l.tensor(np.ones((4, 3), np.float32)), d2l.tensor(np.ones((4, 1), np.float32))
    data.val_dataloader = lambda: data.get_tensorloader(wrong, False)
    model = zeros(d2l, d2l.LinearRegressionScratch(2, lr=0.1))
    with pytest.raises(ValueError, match="X must have 2 features"):
        d2l.Trainer(max_epochs=1).fit(model, data)
    np.testing.assert_array_equal(d2l.export_weights(model)["w"], 0)


@pytest.mark.parametrize(
    "indices",
    [[0, 2], (0, -2), range(0, 4, 2), np.array([0, 2], np.uint8), slice(0, 4, 2)],
)
def test_indices_of_any_kind(d2l, indices):
    data = regression(d2l, num_train=4, num_val=0)
    loader = data.get_tensorloader((data.X, data.y), False, indices)
    np.testing.assert_array_equal(d2l.numpy(next(iter(loader))[0]), d2l.numpy(data.X)[[0, 2]])
    mask = np.arange(len(data.X)) == 1
    assert len(d2l.numpy(next(iter(data.get_tensorloader((data.X,), False, mask)))[0])) == 1


def test_indices_may_count_down(d2l):
    data = regression(d2l, num_train=4, num_val=0)
    loader = data.get_tensorloader((data.X,), False, slice(None, None, -1))
    np.testing.assert_array_equal(d2l.numpy(next(iter(loader))[0]), d2l.numpy(data.X)[::-1])


def test_a_pass_has_the_epoch_of_when_it_was_begun(d2l):
    data = regression(d2l, num_train=64)
    one, two = iter(data.train_dataloader()), iter(data.train_dataloader())
    second, first = next(two), next(one)
    data = regression(d2l, num_train=64)
    expected = [next(iter(data.train_dataloader()))[0] for _ in range(2)]
    np.testing.assert_array_equal(d2l.numpy(first[0]), d2l.numpy(expected[0]))
    np.testing.assert_array_equal(d2l.numpy(second[0]), d2l.numpy(expected[1]))


def test_a_list_may_take_the_place_of_a_loader_between_epochs(d2l):
    class Trainer(d2l.Trainer):
        def fit_epoch(self):
            self.train_dataloader = [(d2l.ones(n, 2), d2l.ones(n, 1)) for n in (4, 2)]
            super().fit_epoch()

    model = zeros(d2l, d2l.LinearRegressionScratch(2, lr=0.0))
    history = Trainer(max_epochs=1).fit(model, regression(d2l))
    assert history.train_loss.tolist() == [0.5, 0.5]
    assert history.batch_sizes.tolist() == [4, 2]


def test_a_readers_own_prepare_data(d2l):
    """As the book has it: whatever the data module returns is the loader."""
    source = regression(d2l, num_train=40, num_val=0)

    class Data(d2l.DataModule):
        def get_dataloader(self, train):
            dataset = torch.utils.data.TensorDataset(
                *(torch.tensor(d2l.numpy(x)) for x in (source.X, source.y))
            )
            return torch.utils.data.DataLoader(dataset, batch_size=32)

    class Trainer(d2l.Trainer):
        def prepare_data(self, data):
            self.train_dataloader, self.val_dataloader = data.train_dataloader(), None
            self.num_train_batches, self.num_val_batches = len(self.train_dataloader), 0

    history = Trainer(max_epochs=2).fit(zeros(d2l, d2l.LinearRegressionScratch(2, lr=0.0)), Data())
    assert history.batch_sizes.tolist() == [32, 8, 32, 8]


def test_labels_that_a_readers_loss_makes_are_looked_at_in_torch():
    class Reader(d2l_torch.SoftmaxRegression):
        def loss(self, Y_hat, Y, averaged=True):
            return d2l_torch.softmax_cross_entropy(Y_hat, Y - 1, averaged)

    with pytest.raises(ValueError, match="labels must be from 0 to 9, got -1"):
        d2l_torch.Trainer(1).fit(Reader(10, lr=0.1, num_inputs=64), d2l_torch.Digits())


@pytest.mark.slow
def test_labels_between_epochs_are_looked_at(d2l):
    class Trainer(d2l.Trainer):
        def should_stop(self, history):
            d2l.cross_entropy(d2l.ones(2, 2), d2l.tensor([-1, 0]))

    with pytest.raises(ValueError, match="labels must be from 0 to 1, got -1"):
        Trainer(max_epochs=1).fit(d2l.SoftmaxRegression(10, 0.1, num_inputs=64), d2l.Digits())


@pytest.mark.slow
def test_labels_of_unsigned_integers(d2l):
    class Data(d2l.DataModule):
        batch_size = 2

        def get_dataloader(self, train):
            X, y = np.eye(4, dtype=np.float32), np.arange(4, dtype=np.uint16)
            return self.get_tensorloader((X, y), train)

    model = d2l.SoftmaxRegression(4, lr=0.1, num_inputs=4)
    assert np.isfinite(d2l.Trainer(max_epochs=1).fit(model, Data()).train_loss).all()


def test_synthetic_data_take_any_array_of_one_element(d2l):
    data = d2l.SyntheticRegressionData(w=torch.ones(2, requires_grad=True), b=np.ones(1), seed=1)
    expected = d2l.SyntheticRegressionData(w=d2l.ones(2), b=1.0, seed=1)
    np.testing.assert_array_equal(d2l.numpy(data.X), d2l.numpy(expected.X))
    np.testing.assert_array_equal(d2l.numpy(data.y), d2l.numpy(expected.y))


def test_numpy_and_torch_batches_feed_either_backend(d2l):
    X, y = np.ones((4, 2), np.float64), np.ones((4, 1), np.float64)
    for batches in ([(X, y)], [(torch.tensor(X).float(), torch.tensor(y).float())]):
        data = type("Data", (d2l.DataModule,), {"get_dataloader": lambda s, train, b=batches: b})()
        model = zeros(d2l, d2l.LinearRegressionScratch(2, 0.1))
        history = d2l.Trainer(max_epochs=2).fit(model, data)
        # Each of two weights and the bias goes from 0 to 0.1, so that 1 is missed by 0.7.
        np.testing.assert_allclose(history.train_loss, [1 / 2, 0.7**2 / 2], rtol=1e-6)


def test_an_iterator_that_is_used_up_is_an_error(d2l):
    once = iter([(d2l.ones(2, 2), d2l.ones(2, 1))])
    data = type("Data", (d2l.DataModule,), {"get_dataloader": lambda self, train: once})()
    with pytest.raises(ValueError, match=r"new iterator each time|no minibatches"):
        d2l.Trainer(max_epochs=1).fit(d2l.LinearRegressionScratch(2, 0.1), data)


def test_tokens_may_be_bytes(d2l):
    """With two axes they are not images; an embedding takes them."""

    class Reader(d2l.Classifier):
        def __init__(self):
            super().__init__()
            self.lr = 0.1
            if d2l.__name__ == "d2l_torch":
                self.embedding = torch.nn.Embedding(256, 3)
                self.index = lambda X: X.long()
            else:
                self.embedding = nnx.Embed(256, 3, rngs=nnx.Rngs(0))
                self.index = lambda X: X

        def forward(self, X):
            return d2l.reduce_mean(self.embedding(self.index(X)), 1)

    class Data(d2l.DataModule):
        batch_size = 4

        def get_dataloader(self, train):
            tokens = np.array([[byte] for byte in b"the time machine by"], np.uint8)
            return self.get_tensorloader((tokens, np.arange(19) % 3), train)

    losses = d2l.Trainer(max_epochs=2).fit(Reader(), Data()).train_loss
    assert np.isfinite(losses).all()


def test_labels_that_a_reader_makes_are_checked_as_the_model_gets_them(d2l):
    class Trainer(d2l.Trainer):
        def prepare_batch(self, batch):
            return batch[0], batch[1] - 1

    class Data(d2l.DataModule):
        batch_size = 4

        def __init__(self, labels):
            super().__init__()
            self.labels = np.array(labels)

        def get_dataloader(self, train):
            X = np.ones((len(self.labels), 1, 2), np.float32)
            return self.get_tensorloader((X, self.labels), train)

    model = d2l.SoftmaxRegression(num_outputs=3, lr=0.1, num_inputs=2)
    assert np.isfinite(Trainer(max_epochs=1).fit(model, Data([1, 2, 3, 3])).train_loss).all()
    with pytest.raises(ValueError, match="labels must be from 0 to 2, got 3"):
        Trainer(max_epochs=1).fit(model, Data([1, 2, 3, 3, 4]))


@pytest.mark.slow
def test_prepare_batch_runs_once_on_each_minibatch_of_a_readers_loader_in_torch():
    """Twice on the first, on which the model is tried, with the same random numbers."""
    calls = []

    class Trainer(d2l_torch.Trainer):
        def prepare_batch(self, batch):
            calls.append(torch.rand(()).item())
            return batch[0], batch[1] - 1

    batches = [(np.ones((2, 4), np.float32), np.array([1, 2]))] * 3
    data = type("Data", (d2l_torch.DataModule,), {"get_dataloader": lambda self, train: batches})()
    model = d2l_torch.SoftmaxRegression(2, lr=0.1, num_inputs=4)
    torch.manual_seed(0)
    Trainer(max_epochs=1).fit(model, data)
    torch.manual_seed(0)
    draws = [torch.rand(()).item() for _ in range(6)]
    assert calls == draws[:1] + draws
    batches[2] = batches[2][0], np.array([1, 3])
    with pytest.raises(ValueError, match="labels must be from 0 to 1, got 2"):
        Trainer(max_epochs=1).fit(model, data)


def test_labels_of_later_minibatches_of_a_readers_loader_are_checked(d2l):
    batches = [(np.ones((2, 4), np.float32), np.array(y)) for y in ([0, 1], [1, 2])]
    data = type("Data", (d2l.DataModule,), {"get_dataloader": lambda self, train: batches})()
    model = d2l.SoftmaxRegression(2, lr=0.1, num_inputs=4)
    with pytest.raises(ValueError, match="labels must be from 0 to 1, got 2"):
        d2l.Trainer(max_epochs=1).fit(model, data)


@pytest.mark.parametrize(
    "make",
    [
        lambda d2l: regression(d2l, num_val=0),
        lambda d2l: d2l.HighDimensionalData(64, 0, num_inputs=2, batch_size=32),
        lambda d2l: d2l.PolynomialData(num_val=0, num_features=2),
    ],
)
def test_data_without_validation_examples(d2l, make):
    history = d2l.Trainer(max_epochs=1).fit(d2l.LinearRegressionScratch(2, lr=0.01), make(d2l))
    assert history.val_loss.shape == (0,)


def test_arrays_of_jax_are_copied_without_a_warning_in_torch(recwarn):
    import d2l_jax

    class Data(d2l_torch.DataModule):
        batch_size = 2

        def get_dataloader(self, train):
            return self.get_tensorloader((d2l_jax.ones(4, 2), d2l_jax.ones(4, 1)), train)

    d2l_torch.Trainer(max_epochs=1).fit(d2l_torch.LinearRegressionScratch(2, lr=0.1), Data())
    assert not [w for w in recwarn if "writable" in str(w.message)]


def loader_of(d2l, arrays, **options):
    """Return a loader of minibatches of 4, in the order of the data."""

    class Data(d2l.DataModule):
        batch_size = 4

        def get_dataloader(self, train):
            return self.get_tensorloader(arrays, train, **options)

    return Data().val_dataloader()


ROWS = ({}, {"indices": slice(0, 6)}, {"indices": np.arange(6)})


@pytest.mark.parametrize("rows", ROWS, ids=str)
def test_arrays_of_jax_that_numpy_does_not_hold_stay_as_they_are(rows):
    keys, weak = jax.random.split(jax.random.key(0), 8), jnp.full((8, 2), 0.5)
    with jax.enable_x64(True):
        wide = jnp.arange(8) + 2**40
    apart = jax.device_put(np.ones(8, np.float32), jax.devices()[0])
    batch = next(iter(loader_of(d2l_jax, (keys, weak, wide, apart), **rows)))
    assert (jax.random.key_data(batch[0]) == jax.random.key_data(keys[:4])).all()
    assert batch[1].weak_type
    assert batch[2].tolist() == [2**40, 2**40 + 1, 2**40 + 2, 2**40 + 3]
    assert batch[3].committed


@pytest.mark.parametrize("rows", ROWS, ids=str)
def test_integers_of_a_mapped_file_that_jax_would_wrap_are_refused(rows, tmp_path):
    X = np.memmap(tmp_path / "x", np.int64, "w+", shape=(8, 1))
    X[:] = 2**33
    with pytest.raises(OverflowError, match="the data must hold integers from"):
        next(iter(loader_of(d2l_jax, (X, np.ones(8)), **rows)))


def test_a_mesh_that_the_user_has_set_holds_new_tensors_and_a_fit():
    mesh = jax.make_mesh((1,), ("examples",), axis_types=(jax.sharding.AxisType.Auto,))
    data = d2l_jax.SyntheticRegressionData(w=d2l_jax.tensor([2, -3.4]), b=4.2, num_train=40)
    with jax.set_mesh(mesh):
        x = d2l_jax.tensor([1.0, 2.0])
        placed = jax.lax.with_sharding_constraint(x, jax.sharding.PartitionSpec("examples"))
        assert placed.tolist() == [1, 2]
        history = d2l_jax.Trainer(1).fit(d2l_jax.LinearRegression(2, lr=0.03), data)
    assert len(history.train_loss) == 2
