"""A user's code, which mypy checks with the packages, also runs."""

from tests.types import user_model


def test_a_users_script_trains():
    assert 0 < user_model.main() < 2.3  # log(10) is the loss of a guess


def test_open_parameters_are_for_type_checkers_alone():
    from d2l_common.overriding import any_parameters

    def loss(Y_hat, Y, averaged=True):
        return Y_hat

    assert any_parameters(loss) is loss
