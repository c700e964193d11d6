"""Signatures and help of the public classes, as a notebook shows them; what they inherit."""

import inspect
import pydoc

import pytest

from parity_tests.support.backends import BACKENDS

CLASSES = sorted(
    name
    for name in BACKENDS["jax"].__all__
    if inspect.isclass(cls := getattr(BACKENDS["jax"], name)) and cls.__module__.startswith("d2l_")
)


def parameters(function):
    return [name for name in inspect.signature(function).parameters if name != "self"]


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_the_signature_of_its_init(d2l, name):
    cls = getattr(d2l, name)
    defines_init = cls.__init__ is not object.__init__
    assert parameters(cls) == (parameters(cls.__init__) if defines_init else [])


@pytest.mark.parametrize("name", CLASSES)
def test_help_has_docstring_and_signature(d2l, name):
    cls = getattr(d2l, name)
    text = pydoc.plain(pydoc.render_doc(cls))
    assert inspect.cleandoc(cls.__doc__).splitlines()[0] in text
    if cls.__init__ is not object.__init__:
        assert f"{name}({', '.join(parameters(cls)[:1])}" in text


def test_a_subclass_and_a_patched_init_show_their_parameters(d2l):
    class Reader(d2l.Classifier):
        def __init__(self, lr, width=3):
            super().__init__()

    assert parameters(Reader) == ["lr", "width"]
    assert parameters(type("Derived", (Reader,), {})) == ["lr", "width"]

    @d2l.add_to_class(Reader)
    def __init__(self, lr, depth):
        super(Reader, self).__init__()

    assert parameters(Reader) == ["lr", "depth"]
    assert parameters(Reader(0.1, 2)) != ["lr", "depth"]  # an instance has that of its __call__


def test_the_order_of_linear_regression_is_that_of_the_books_cells():
    """Cells of both tabs pass these arguments by position, so the orders cannot be the same."""

    class TorchReader(BACKENDS["torch"].LinearRegression):
        def __init__(self, wd, lr):
            super().__init__(lr)

    class JaxReader(BACKENDS["jax"].LinearRegression):
        def __init__(self, wd, lr, num_inputs=5, rngs=None):
            super().__init__(num_inputs, lr, rngs=rngs)

    assert TorchReader(3, 0.01).lr == JaxReader(3, 0.01).lr == 0.01
    assert BACKENDS["jax"].LinearRegression(5, lr=0.03).num_inputs == 5


DATA_SETS = [
    "FashionMNIST", "Digits", "MNISTSample", "KaggleHouse",
    "SyntheticRegressionData", "HighDimensionalData", "PolynomialData",
]  # fmt: skip


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_method_patched_into_data_module_wins_over_the_shared_bases(d2l, name, monkeypatch):
    cls = getattr(d2l, name)
    assert issubclass(cls, d2l.DataModule)
    monkeypatch.setattr(d2l.DataModule, "train_dataloader", lambda self: "patched", raising=False)
    assert cls.train_dataloader(None) == "patched"


def test_patched_methods_of_a_data_set_run(d2l, monkeypatch):
    monkeypatch.setattr(d2l.Digits, "text_labels", lambda self, indices: ["patched"])
    monkeypatch.setattr(
        d2l.DataModule, "get_tensorloader", lambda self, tensors, train, **_: ("patched", train)
    )
    data = d2l.Digits(batch_size=7)
    assert data.text_labels([1]) == ["patched"]
    assert data.val_dataloader() == ("patched", False)
    assert data.hparams["batch_size"] == 7
