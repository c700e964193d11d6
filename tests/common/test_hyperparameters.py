import copy
import pickle

import pytest

from d2l_common.hyperparameters import HyperParameters, add_to_class


class B(HyperParameters):
    def __init__(self, a, b, c):
        self.save_hyperparameters(ignore=["c"])


class Base(HyperParameters):
    def __init__(self, lr, sigma=0.01):
        self.save_hyperparameters()


class Derived(Base):
    def __init__(self, num_inputs, lr):
        super().__init__(lr)
        self.save_hyperparameters()


def test_add_to_class_reaches_existing_instances(capsys):
    class A:
        def __init__(self):
            self.b = 1

    a = A()

    @add_to_class(A)
    def do(self):
        print('Class attribute "b" is', self.b)

    a.do()
    assert capsys.readouterr().out == 'Class attribute "b" is 1\n'
    # The 1.0.3 edition leaves None behind under the function's name.
    assert do is A.do


def test_add_to_class_replaces():
    class A:
        def value(self):
            return 1

    a = A()

    @add_to_class(A)
    def value(self):
        """Return two."""
        return 2

    assert a.value() == 2 and A.value.__doc__ == "Return two."


def test_patched_init_saves_its_arguments():
    class A(HyperParameters):
        pass

    @add_to_class(A)
    def __init__(self, width):
        self.save_hyperparameters()

    assert A(5).width == 5


def test_cell_of_the_book():
    b = B(a=1, b=2, c=3)
    assert (b.a, b.b, hasattr(b, "c")) == (1, 2, False)
    assert b.hparams == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "ignore, saved",
    [
        (None, {"a", "b", "ignore"}),
        ("a", {"b", "ignore"}),
        ("ignore", {"a", "b"}),
        (["a", "b"], {"ignore"}),
        (("self", "nothing", "b"), {"a", "ignore"}),
        ({"a"}, {"b", "ignore"}),
        ([], {"a", "b", "ignore"}),
    ],
)
def test_ignore(ignore, saved):
    class A(HyperParameters):
        def __init__(self, a, b, ignore):
            self.save_hyperparameters(ignore)

    assert set(A(1, 2, ignore).hparams) == saved


def test_locals_as_in_the_book():
    enclosing = 7

    class A(HyperParameters):
        def __init__(this, a, _private, *args, b=2, **kwargs):
            before = a + enclosing
            this.save_hyperparameters()
            after = before
            this.later = after

    instance = A(1, 0, 3, 4, c=5)
    assert instance.hparams == {"a": 1, "b": 2, "args": (3, 4), "kwargs": {"c": 5}, "before": 8}
    assert vars(instance).keys() == {*instance.hparams, "later", "_hparam_names"}


def test_names_accumulate_in_order():
    d = Derived(num_inputs=2, lr=0.1)
    assert list(d.hparams.items()) == [("lr", 0.1), ("sigma", 0.01), ("num_inputs", 2)]
    hash(d._hparam_names)
    assert Base(1).hparams == {"lr": 1, "sigma": 0.01}


def test_hparams_follows_the_attributes():
    d = Derived(2, 0.1)
    d.lr = 0.2
    assert d.hparams["lr"] == 0.2
    d.hparams["lr"] = 0.3
    assert d.lr == 0.2
    d.hparams = {"lr": 0.2}  # what the book's own save_hyperparameters does
    assert list(d.hparams) == ["lr"]
    assert HyperParameters().hparams == {}


def test_copies_keep_them():
    d = Derived(2, 0.1)
    for copied in (copy.copy(d), copy.deepcopy(d), pickle.loads(pickle.dumps(d))):
        assert copied.hparams == d.hparams


@pytest.mark.parametrize("scope", ["module", "function"])
def test_outside_of_a_method(scope):
    call = "HyperParameters().save_hyperparameters()"
    code = call if scope == "module" else f"def f(a):\n    {call}\nf(1)"
    with pytest.raises(RuntimeError, match="call it in __init__"):
        exec(code, {"HyperParameters": HyperParameters})


def test_on_a_torch_module():
    torch = pytest.importorskip("torch")

    class Model(torch.nn.Module, HyperParameters):
        def __init__(self, num_inputs, lr=0.1):
            self.save_hyperparameters()
            super().__init__()
            self.net = torch.nn.Linear(num_inputs, 1)

    model = Model(2)
    assert model.hparams == {"num_inputs": 2, "lr": 0.1}
    assert set(model.state_dict()) == {"net.weight", "net.bias"}


def test_on_an_nnx_module():
    nnx = pytest.importorskip("flax.nnx")

    class Model(nnx.Module, HyperParameters):
        def __init__(self, num_inputs, lr=0.1, rngs=None):
            super().__init__()
            self.save_hyperparameters(ignore="rngs")
            self.net = nnx.Linear(num_inputs, 1, rngs=rngs)

    graphdefs = [nnx.split(Model(2, rngs=nnx.Rngs(seed)))[0] for seed in (0, 1)]
    # Equal keys: a second model does not make jit compile again.
    assert hash(graphdefs[0]) == hash(graphdefs[1]) and graphdefs[0] == graphdefs[1]
    assert nnx.clone(Model(2, rngs=nnx.Rngs(0))).hparams == {"num_inputs": 2, "lr": 0.1}
