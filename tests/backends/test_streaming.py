"""Data that does not fit on the device is streamed, and trains to the same numbers."""

import threading
import weakref

import numpy as np
import psutil
import pytest

from d2l_common.data import streaming
from d2l_common.data.streaming import chunk_size, fetched_ahead


def images(d2l, n=330, batch_size=32, folder=None):
    """Return a data module of images, NumPy's; in files if there is a folder."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, size in (("train", n), ("val", n // 3)):
        X = rng.integers(0, 256, (size, 8, 8), np.uint8)
        y = (X.reshape(size, -1).astype(int) @ np.arange(64) % 10).astype(np.int32)
        if folder is not None:
            np.save(folder / f"{part}.npy", X)
            X = np.load(folder / f"{part}.npy", mmap_mode="r")
        arrays[part] = (X, y)

    class Data(d2l.DataModule):
        def get_dataloader(self, train):
            part = arrays["train" if train else "val"]
            return self.get_tensorloader(part, train, transform=d2l.data.images.to_floats)

    data = Data()
    data.batch_size = batch_size
    return data


def table(d2l, n=330, batch_size=32):
    """Return a data module of a regression, in NumPy's float64."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n + 100, 2))
    y = X @ [[2.0], [-3.4]] + 4.2

    class Data(d2l.DataModule):
        def get_dataloader(self, train):
            return self.get_tensorloader((X, y), train, slice(0, n) if train else slice(n, None))

    data = Data()
    data.batch_size = batch_size
    return data


def trainer_with_room(d2l, room, **keywords):
    class Trainer(d2l.Trainer):
        def room_for_data(self):
            return room

    return Trainer(max_epochs=2, **keywords)


def count_threads():
    return sum(thread.name.startswith("data") for thread in threading.enumerate())


@pytest.fixture
def chunks(monkeypatch):
    """Record the sizes of the chunks that are fetched, and by which thread."""
    fetched = []

    def watched(fetch, order, size):
        def watching(part):
            fetched.append((len(part), threading.current_thread() is threading.main_thread()))
            return fetch(part)

        return fetched_ahead(watching, order, size)

    monkeypatch.setattr("d2l_common.data.loader.fetched_ahead", watched)
    return fetched


def seeded(d2l):
    """Return what a model takes its initial weights and masks from."""
    if d2l.__name__ == "d2l_jax":
        from flax import nnx

        return {"rngs": nnx.Rngs(0)}
    import torch

    return {"generator": torch.Generator().manual_seed(0)}


TABLE_MODELS = ("linear regression scratch", "linear regression", "weight decay")
MODELS = {
    "linear regression scratch": lambda d, r: d.LinearRegressionScratch(2, lr=0.03, **r),
    "linear regression": lambda d, r: d.LinearRegression(num_inputs=2, lr=0.03, **r),
    "weight decay": lambda d, r: d.WeightDecay(wd=3, lr=0.01, num_inputs=2, **r),
    "softmax regression scratch": lambda d, r: d.SoftmaxRegressionScratch(64, 10, lr=0.1, **r),
    "softmax regression": lambda d, r: d.SoftmaxRegression(10, lr=0.1, num_inputs=64, **r),
    "MLP": lambda d, r: d.MLP(10, 16, lr=0.1, num_inputs=64, **r),
    "dropout scratch": lambda d, r: d.DropoutMLPScratch(10, 16, 8, 0.5, 0.2, 0.1, 64, **r),
    "dropout": lambda d, r: d.DropoutMLP(10, 16, 8, 0.5, 0.2, 0.1, 64, **r),
}


def run(d2l, name, room, data=None, **keywords):
    if d2l.__name__ == "d2l_torch":
        import torch

        torch.manual_seed(0)  # PyTorch's own dropout takes no generator
    model = MODELS[name](d2l, seeded(d2l))
    data = data or (table if name in TABLE_MODELS else images)(d2l)
    history = trainer_with_room(d2l, room, **keywords).fit(model, data)
    return history, d2l.export_weights(model)


def assert_equal_runs(one, other):
    (history, weights), (other_history, other_weights) = one, other
    assert history.labels() == other_history.labels()
    for label in history.labels():
        np.testing.assert_array_equal(history[label], other_history[label])
    np.testing.assert_array_equal(history.batch_sizes, other_history.batch_sizes)
    for name, array in weights.items():
        np.testing.assert_array_equal(array, other_weights[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_streamed_run_is_the_resident_one_to_the_bit(d2l, name, chunks):
    resident = run(d2l, name, 10**9)
    assert not chunks
    # Room for four or five minibatches, so two a chunk.
    streamed = run(d2l, name, 4_000 if name in TABLE_MODELS else 10_000)
    assert len(chunks) >= 2 * (3 + 1)
    assert not any(in_main for _, in_main in chunks)
    assert_equal_runs(streamed, resident)
    assert len(resident[0].train_loss) == 2 * 11  # a ragged last minibatch


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 32, 33, 64, 97, 128])
def test_wherever_the_chunks_end(d2l, n, chunks):
    resident = run(d2l, "softmax regression", 10**9, images(d2l, n))
    two_minibatches = 2 * 32 * (64 + 4)
    for room in (0, 2 * two_minibatches):  # one minibatch a chunk, or two
        chunks.clear()
        assert_equal_runs(run(d2l, "softmax regression", room, images(d2l, n)), resident)
        assert bool(chunks) == ((n + n // 3) * (64 + 4) > room)


@pytest.mark.slow
def test_a_clipped_run_is_streamed_alike(d2l):
    name = "softmax regression"
    resident = run(d2l, name, 10**9, gradient_clip_val=0.1)
    assert_equal_runs(run(d2l, name, 10_000, gradient_clip_val=0.1), resident)
    with pytest.raises(AssertionError):  # clipping did something
        assert_equal_runs(run(d2l, name, 10_000), resident)


@pytest.mark.slow
def test_files_are_read_in_chunks(d2l, tmp_path, chunks):
    resident = run(d2l, "softmax regression", 10**9, images(d2l))
    for room in (10**9, 10_000):
        data = images(d2l, folder=tmp_path)
        kept = data.train_dataloader().arrays[0]
        assert isinstance(kept, np.memmap)  # not read before it is used
        assert_equal_runs(run(d2l, "softmax regression", room, data), resident)
    assert max(size for size, _ in chunks) < 330 // 2


def test_a_pass_by_hand_reads_a_minibatch_at_a_time(d2l, tmp_path):
    in_memory, in_files = images(d2l), images(d2l, folder=tmp_path)
    pairs = zip(in_memory.train_dataloader(), in_files.train_dataloader(), strict=True)
    for (X, y), (X_file, y_file) in pairs:
        np.testing.assert_array_equal(d2l.numpy(X), d2l.numpy(X_file))
        np.testing.assert_array_equal(d2l.numpy(y), d2l.numpy(y_file))
        assert type(X_file) is type(X)


@pytest.mark.slow
def test_the_size_of_the_data_decides(d2l, chunks):
    size = 330 * (64 + 4) + 110 * (64 + 4)  # labels are int32
    trainer = trainer_with_room(d2l, size)
    trainer.fit(MODELS["softmax regression"](d2l, seeded(d2l)), images(d2l))
    assert not chunks
    trainer = trainer_with_room(d2l, size - 1)
    trainer.fit(MODELS["softmax regression"](d2l, seeded(d2l)), images(d2l))
    assert chunks


def test_what_is_on_the_device_is_not_streamed_for_the_sake_of_other_data(chunks):
    import d2l_jax as d2l

    class Data(d2l.DataModule):
        batch_size = 32

        def get_dataloader(self, train):
            X = d2l.ones(64, 2) if train else np.ones((640, 2), np.float32)
            return self.get_tensorloader((X, X[:, :1]), train)

    history = trainer_with_room(d2l, 1000).fit(d2l.LinearRegression(num_inputs=2, lr=0.1), Data())
    assert history.train_loss.shape == (2 * 2,)
    assert sum(size for size, _ in chunks) == 2 * 640  # none of the 64 that train


def test_a_loader_that_is_kept_shows_what_has_changed(d2l):
    class Data(d2l.DataModule):
        batch_size = 32

        def __init__(self):
            super().__init__()
            self.y = np.zeros((64, 1), np.float32)
            X = np.zeros((64, 2), np.float32)
            # Mapped into memory, PyTorch keeps it as NumPy's, too.
            self.loader = self.get_tensorloader((X, self.y.view(np.memmap)), True)

        def get_dataloader(self, train):
            return self.loader if train else None

    def loss():
        model = d2l.LinearRegressionScratch(2, lr=0.0)
        d2l.import_weights(model, {"w": np.zeros((2, 1)), "b": np.zeros(1)})
        return d2l.Trainer(max_epochs=1).fit(model, data).train_loss[0]

    data = Data()
    assert loss() == 0
    data.y[:] = 2
    assert loss() == 2


def test_there_is_room_for_half_of_what_is_free(d2l):
    room = d2l.Trainer(max_epochs=1).room_for_data()
    assert isinstance(room, int)
    assert 2**20 < room <= psutil.virtual_memory().total / 2


@pytest.mark.slow
def test_all_chunks_but_the_last_have_one_size(d2l, chunks):
    run(d2l, "softmax regression", 2 * 3 * 32 * (64 + 4))
    sizes = [size for size, _ in chunks]
    assert sizes[:4] == [96, 96, 96, 42]  # of training; 110 of validation follow
    assert sizes[4:6] == [96, 14]


@pytest.mark.parametrize(
    ("room", "expected"),
    [(0, 10), (10_000, 10), (20_000, 10), (40_000, 20), (59_999, 20), (60_000, 30)],
)
def test_chunk_size(room, expected):
    assert chunk_size(1000, 10, room) == expected


def test_chunks_stay_small_in_large_rooms():
    assert chunk_size(1000, 10, 2**40) * 1000 <= streaming.CHUNK_BYTES


def test_fetching_is_one_chunk_ahead():
    fetched, order = [], np.arange(10)

    def fetch(part):
        fetched.append(part[0])
        return part

    parts = []
    for part in fetched_ahead(fetch, order, 3):
        parts.append(part)
        assert len(fetched) <= len(parts) + 1
    np.testing.assert_array_equal(np.concatenate(parts), order)
    assert not list(fetched_ahead(fetch, np.arange(0), 3))


class Stop(BaseException):
    """Stands for an interrupt."""


def test_no_thread_is_left_behind_by_an_interrupt(d2l):
    class Model(d2l.SoftmaxRegression):
        def training_step(self, batch):
            raise Stop

    before = count_threads()
    model = Model(10, lr=0.1, num_inputs=64)
    with pytest.raises(Stop) as caught:  # whose traceback keeps the frames alive
        trainer_with_room(d2l, 0).fit(model, images(d2l))
    assert count_threads() == before, caught


def test_an_error_while_fetching_is_raised_and_leaves_no_thread(d2l, monkeypatch):
    loader_class = type(images(d2l).train_dataloader())
    fetch, calls = loader_class.fetch, []

    def failing(self, indices):
        calls.append(len(indices))
        if len(calls) == 3:
            raise OSError("the file is gone")
        return fetch(self, indices)

    monkeypatch.setattr(loader_class, "fetch", failing)
    before = count_threads()
    with pytest.raises(OSError, match="the file is gone") as caught:
        run(d2l, "softmax regression", 0)
    assert count_threads() == before, caught
    assert len(calls) == 4  # the next one was on its way


def test_no_more_than_two_chunks_are_there(d2l, monkeypatch):
    alive, most = [], []
    loader_class = type(images(d2l).train_dataloader())
    tensors = loader_class.tensors

    def watched(self, arrays, copy):
        made = tensors(self, arrays, copy)
        alive.append(weakref.ref(made[0]))
        most.append(sum(chunk() is not None for chunk in alive))
        return made

    monkeypatch.setattr(loader_class, "tensors", watched)
    run(d2l, "softmax regression", 10_000)
    assert max(most) == 2
