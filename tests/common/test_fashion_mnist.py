import contextlib
import hashlib
import http.server
import io
import json
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from d2l_common.data import fashion_mnist
from d2l_common.data.download import fetch
from d2l_common.data.fashion_mnist import LABELS, MIRRORS, SHA256, load_fashion_mnist
from tests.support.idx import write_idx
from tests.support.paths import SAMPLE

NAMES = list(SHA256)
TRAIN_IMAGES, TRAIN_LABELS, VAL_IMAGES, VAL_LABELS = NAMES


def make_arrays(num_train=20, num_val=10, seed=0):
    """Return the contents of the four files."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for n, images, labels in (
        (num_train, TRAIN_IMAGES, TRAIN_LABELS),
        (num_val, VAL_IMAGES, VAL_LABELS),
    ):
        arrays[images] = rng.integers(0, 256, (n, 28, 28), np.uint8)
        arrays[labels] = (np.arange(n) % 10).astype(np.uint8)
    return arrays


def write_files(folder, arrays, compressed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        write_idx(folder / (name if compressed else name.removesuffix(".gz")), array)


def assert_loads(root, arrays):
    (train_images, train_labels), (val_images, val_labels) = load_fashion_mnist(root)
    loaded = (train_images, train_labels, val_images, val_labels)
    for name, array in zip(NAMES, loaded, strict=True):
        assert array.dtype == np.uint8
        assert np.array_equal(array, arrays[name])


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path_factory):
    """Keep the tests from the network and from this machine's own TFDS copy."""

    def no_download(urls, path, checksum, **kwargs):
        raise AssertionError(f"downloads {path}")

    monkeypatch.setattr(fashion_mnist, "fetch", no_download)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("no_tfds")))


# Files.


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("folder", [".", "FashionMNIST/raw"])
def test_layouts(tmp_path, folder, compressed):
    arrays = make_arrays()
    write_files(tmp_path / folder, arrays, compressed)
    assert_loads(tmp_path, arrays)
    assert_loads(str(tmp_path), arrays)


def test_some_files_gzipped_and_some_not(tmp_path):
    arrays = make_arrays()
    write_files(tmp_path, {name: arrays[name] for name in NAMES[:2]}, compressed=True)
    write_files(tmp_path, {name: arrays[name] for name in NAMES[2:]}, compressed=False)
    assert_loads(tmp_path, arrays)


def test_unpacked_files_are_preferred(tmp_path):
    # torchvision keeps both; the unpacked one is read ten times as fast.
    arrays = make_arrays()
    write_files(tmp_path, make_arrays(seed=1), compressed=True)
    write_files(tmp_path, arrays, compressed=False)
    assert_loads(tmp_path, arrays)


def test_root_comes_before_the_layout_of_torchvision(tmp_path):
    arrays = make_arrays()
    write_files(tmp_path, arrays)
    write_files(tmp_path / "FashionMNIST/raw", make_arrays(seed=1))
    assert_loads(tmp_path, arrays)


def test_home_folder(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    arrays = make_arrays()
    write_files(tmp_path / "data", arrays)
    assert_loads("~/data", arrays)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample is not beside the checkout")
def test_sample():
    (train_images, train_labels), (val_images, val_labels) = load_fashion_mnist(SAMPLE)
    assert train_images.shape == (500, 28, 28) and val_images.shape == (100, 28, 28)
    assert train_labels.shape == (500,) and val_labels.shape == (100,)
    assert np.bincount(train_labels, minlength=10).min() > 0
    # The real thing: trousers (1) are narrow, bags (8) are wide.
    width = (train_images[:, 14] > 0).sum(axis=1)
    assert width[train_labels == 1].mean() < 0.8 * width[train_labels == 8].mean()


# Damage.


def test_some_files_missing_from_root(tmp_path):
    arrays = make_arrays()
    write_files(tmp_path, {name: arrays[name] for name in NAMES[:3]})
    message = f"{tmp_path} must have .* four files or none, .* missing {VAL_LABELS}"
    with pytest.raises(FileNotFoundError, match=message):
        load_fashion_mnist(tmp_path)
    (tmp_path / TRAIN_LABELS).unlink()
    with pytest.raises(FileNotFoundError, match=f"missing {TRAIN_LABELS} and {VAL_LABELS}"):
        load_fashion_mnist(tmp_path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("compressed", [True, False])
def test_truncated_file(tmp_path, name, compressed):
    write_files(tmp_path, make_arrays(), compressed)
    path = tmp_path / (name if compressed else name.removesuffix(".gz"))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r"expected .* found .*; replace this file") as error:
        load_fashion_mnist(tmp_path)
    assert str(error.value).startswith(f"{path}: expected")


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            TRAIN_LABELS,
            np.zeros(19, np.uint8),
            "the training set in .* got 20 images and 19 labels",
        ),
        (
            VAL_LABELS,
            np.zeros(11, np.uint8),
            "the validation set in .* got 10 images and 11 labels",
        ),
        (TRAIN_IMAGES, np.zeros((20, 28, 27), np.uint8), r"images .* \(n, 28, 28\), got uint8 of"),
        (TRAIN_IMAGES, np.zeros((20, 784), np.uint8), r"images .* got uint8 of shape \(20, 784\)"),
        (VAL_IMAGES, np.zeros((10, 28, 28), np.int8), "images of the validation .* got int8 of"),
        (TRAIN_LABELS, np.zeros((20, 1), np.uint8), r"labels .* \(n,\), got .* shape \(20, 1\)"),
        (TRAIN_LABELS, np.zeros((), np.uint8), r"labels .* got uint8 of shape \(\)"),
        (TRAIN_LABELS, np.zeros(20, np.int32), "labels of the training set .* got int32 of shape"),
        (
            VAL_LABELS,
            np.full(10, 10, np.uint8),
            "validation set in .*: labels must be from 0 to 9, got 10",
        ),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, name, array, message):
    write_files(tmp_path, make_arrays() | {name: array})
    with pytest.raises(ValueError, match=message) as error:
        load_fashion_mnist(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_images_and_labels_exchanged(tmp_path):
    arrays = make_arrays()
    arrays[TRAIN_IMAGES], arrays[TRAIN_LABELS] = arrays[TRAIN_LABELS], arrays[TRAIN_IMAGES]
    write_files(tmp_path, arrays)
    with pytest.raises(ValueError, match="the images of the training set"):
        load_fashion_mnist(tmp_path)


@pytest.mark.parametrize("sizes", [(0, 10), (20, 0)])
def test_empty_data_set(tmp_path, sizes):
    write_files(tmp_path, make_arrays(*sizes))
    with pytest.raises(
        ValueError, match=r"the (training|validation) set in .* must have at least one example"
    ):
        load_fashion_mnist(tmp_path)


# Downloads.


@pytest.fixture
def website(tmp_path_factory, monkeypatch):
    """Serve four files as the only mirror; return their contents, and the paths asked for."""
    pytest.importorskip("pooch")
    arrays, requests = make_arrays(), []
    folder = tmp_path_factory.mktemp("website")
    write_files(folder, arrays)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path.removeprefix("/"))
            super().do_GET()

        def log_message(self, *args):
            pass

    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in NAMES}
    handler = partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "127.0.0.1")
        monkeypatch.setattr(fashion_mnist, "fetch", fetch)
        monkeypatch.setattr(fashion_mnist, "SHA256", hashes)
        mirror = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(fashion_mnist, "MIRRORS", (mirror,))
        yield arrays, requests
        server.shutdown()
        thread.join()


def test_download(tmp_path, website):
    arrays, requests = website
    assert_loads(tmp_path / "new", arrays)
    assert requests == NAMES
    raw = tmp_path / "new" / "FashionMNIST" / "raw"
    assert sorted(path.name for path in raw.iterdir()) == sorted(NAMES)
    # Kept: the second time nothing is asked for.
    assert_loads(tmp_path / "new", arrays)
    assert requests == NAMES


def test_only_what_is_missing_is_downloaded(tmp_path, website):
    arrays, requests = website
    raw = tmp_path / "FashionMNIST" / "raw"
    write_files(raw, {TRAIN_IMAGES: arrays[TRAIN_IMAGES]})
    write_files(raw, {VAL_IMAGES: arrays[VAL_IMAGES]}, compressed=False)
    assert_loads(tmp_path, arrays)
    assert requests == [TRAIN_LABELS, VAL_LABELS]


def test_interrupted_download_of_torchvision(tmp_path, website):
    # It leaves half a file under the final name.
    arrays, requests = website
    raw = tmp_path / "FashionMNIST" / "raw"
    write_files(raw, {TRAIN_IMAGES: arrays[TRAIN_IMAGES]})
    (raw / TRAIN_IMAGES).write_bytes((raw / TRAIN_IMAGES).read_bytes()[:1000])
    with pytest.warns(UserWarning, match="damaged or a different file"):
        assert_loads(tmp_path, arrays)
    assert requests == NAMES


def test_offline(tmp_path, website, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (*fashion_mnist.MIRRORS, "http://127.0.0.1:9/"))
    hashes = dict.fromkeys(NAMES, "0" * 64)
    monkeypatch.setattr(fashion_mnist, "SHA256", hashes)
    with pytest.raises(ConnectionError) as error:
        load_fashion_mnist(tmp_path)
    assert re.fullmatch(
        rf"cannot download {TRAIN_IMAGES} \(127\S*: wrong sha256; 127\.0\.0\.1:9: no connection\); "
        rf"without a network, put Fashion-MNIST's four \.gz files into {re.escape(str(tmp_path))}, "
        r"or use the Digits data set",
        str(error.value),
    )
    assert not list(tmp_path.iterdir())  # nor empty folders


def test_root_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="root must be the folder of Fashion-MNIST"):
        load_fashion_mnist(tmp_path / "file")


def test_checksums_are_those_that_tfds_registers():
    tfds = pytest.importorskip("tensorflow_datasets")
    infos = tfds.image_classification.FashionMNIST.url_infos
    registered = {url.rpartition("/")[2]: info.checksum for url, info in infos.items()}
    assert registered == SHA256
    assert all(f"{MIRRORS[0]}{name}" in infos for name in NAMES)


# Prepared TFDS copies.


@pytest.fixture(scope="module")
def tfds_copy(tmp_path_factory):
    """Return a folder with a copy that TFDS itself has prepared, and its contents."""
    tfds = pytest.importorskip("tensorflow_datasets")
    from PIL import Image

    arrays = make_arrays(30, 12)

    def png(image):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "png")
        file.seek(0)
        return file

    # TFDS prepares it without TensorFlow, as the images are encoded already.
    with tfds.core.registered.skip_registration():

        class FashionMNIST(tfds.image_classification.FashionMNIST):
            def _split_generators(self, dl_manager):
                return {
                    "train": self._generate_examples(TRAIN_IMAGES, TRAIN_LABELS),
                    "test": self._generate_examples(VAL_IMAGES, VAL_LABELS),
                }

            def _generate_examples(self, images, labels):
                for i, (image, label) in enumerate(
                    zip(arrays[images], arrays[labels], strict=True)
                ):
                    yield i, {"image": png(image), "label": int(label)}

    data_dir = tmp_path_factory.mktemp("tfds")
    with contextlib.redirect_stderr(io.StringIO()):
        tfds.disable_progress_bar()
        FashionMNIST(data_dir=data_dir, file_format="array_record").download_and_prepare()
    return data_dir, arrays


@pytest.fixture
def copy(tfds_copy, tmp_path):
    """Return the root of a TFDS copy to be damaged, and the folder of its version."""
    shutil.copytree(tfds_copy[0] / "fashion_mnist", tmp_path / "fashion_mnist")
    return tmp_path, next((tmp_path / "fashion_mnist").iterdir())


def assert_same_examples(root, arrays):
    """Assert that the examples are loaded in whatever order: TFDS shuffles them."""
    names = zip(NAMES[::2], NAMES[1::2], strict=True)
    for (images, labels), (i, l) in zip(load_fashion_mnist(root), names, strict=True):
        assert images.dtype == np.uint8 and labels.dtype == np.uint8
        loaded = sorted((x.tobytes(), y) for x, y in zip(images, labels, strict=True))
        assert loaded == sorted((x.tobytes(), y) for x, y in zip(arrays[i], arrays[l], strict=True))


def test_tfds_copy_in_root(tfds_copy, capfd):
    assert_same_examples(*tfds_copy)
    assert "tensorflow" not in sys.modules
    assert capfd.readouterr() == ("", "")


def test_tfds_copy_in_its_own_folder(tfds_copy, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tfds_copy[0]))
    assert_same_examples(tmp_path / "new", tfds_copy[1])
    assert not (tmp_path / "new").exists()


def test_files_come_before_a_tfds_copy(copy):
    arrays = make_arrays(seed=1)
    write_files(copy[0] / "FashionMNIST/raw", arrays)
    assert_loads(copy[0], arrays)


def test_older_tfds_version(copy, tfds_copy):
    root, folder = copy
    info = json.loads((folder / "dataset_info.json").read_text())
    info["version"] = "2.0.0"
    (folder / "dataset_info.json").write_text(json.dumps(info))
    folder.rename(folder.parent / "2.0.0")
    assert_same_examples(root, tfds_copy[1])
    # A newer one beside it is the one that is read.
    shutil.copytree(folder.parent / "2.0.0", folder.parent / "10.0.0")
    next((folder.parent / "10.0.0").glob("*train*")).unlink()
    with pytest.raises(ValueError, match=r"fashion_mnist/10\.0\.0"):
        load_fashion_mnist(root)


def test_unfinished_tfds_copy_is_none(copy, website):
    root, folder = copy
    folder.rename(folder.parent / f"incomplete.ABCDEF_{folder.name}")
    assert_loads(root, website[0])


def test_without_tfds_the_download_is_next(copy, website, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    assert_loads(copy[0], website[0])


def test_tfds_copy_that_only_tensorflow_reads(copy, website):
    root, folder = copy
    info = folder / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    for path in folder.glob("*array_record*"):
        path.rename(str(path).replace("array_record", "tfrecord"))
    with pytest.warns(UserWarning, match=r"skipping the TFDS copy in .* only TensorFlow reads"):
        assert_loads(root, website[0])


def _empty(folder):
    info = json.loads((folder / "dataset_info.json").read_text())
    info["splits"] = [split for split in info["splits"] if split["name"] == "train"]
    (folder / "dataset_info.json").write_text(json.dumps(info))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: next(folder.glob("*train*")).unlink(),
        lambda folder: next(folder.glob("*test*")).write_bytes(b""),
        lambda folder: (folder / "dataset_info.json").write_text("{"),
        _empty,
    ],
    ids=["no train", "empty test", "bad info", "no test"],
)
def test_broken_tfds_copy(copy, damage):
    root, folder = copy
    damage(folder)
    message = rf"cannot read the TFDS copy of .* in {re.escape(str(folder))}; repair or delete it: "
    with pytest.raises(ValueError, match=message):
        load_fashion_mnist(root)


def test_broken_tfds_copy_is_told_in_one_line(copy, monkeypatch):
    def data_source(*args, **kwargs):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr("tensorflow_datasets.data_source", data_source)
    with pytest.raises(ValueError, match=r"repair or delete it: first line$"):
        load_fashion_mnist(copy[0])


# The module.


def test_labels():
    assert len(LABELS) == 10 and LABELS[0] == "t-shirt" and LABELS[9] == "ankle boot"


def test_import_is_light():
    heavy = (
        "jax torch pooch requests PIL sklearn tensorflow_datasets tqdm pandas matplotlib".split()
    )
    code = (
        "import sys\n"
        "from d2l_common.data import digits, fashion_mnist, resize\n"
        f"print(*[name for name in {heavy} if name in sys.modules])"
    )
    repository = Path(fashion_mnist.__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=repository
    )
    assert result.stdout.split() == []
