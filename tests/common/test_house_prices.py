"""House prices: preprocessing, folds and the submission, on a generated table."""

import numpy as np
import pandas as pd
import pytest

from d2l_common.data import house_prices


def make_table(n, seed, prices=True):
    """Return houses with some missing values, numbers and categories."""
    rng = np.random.default_rng(seed)
    area = rng.normal(1500, 400, n)
    table = pd.DataFrame(
        {
            "Id": np.arange(n) + 1000 * seed,
            "LotArea": np.where(rng.random(n) < 0.1, np.nan, area),
            "YearBuilt": rng.integers(1900, 2010, n),
            "Always": np.ones(n),
            "Street": rng.choice(["Pave", "Grvl"], n),
            "Rare": np.where(np.arange(n) == 3, "once", "often"),  # in one fold alone
            "Alley": np.where(rng.random(n) < 0.5, None, "Pave"),
        }
    )
    if prices:
        table["SalePrice"] = np.round(100 * area + rng.normal(0, 1000, n)).clip(1000)
    return table


pytestmark = pytest.mark.filterwarnings("ignore:.* is not the official table")


def test_tables_of_the_readers_own(d2l, root):
    with pytest.warns(UserWarning, match="test.csv is not the official table") as caught:
        d2l.KaggleHouse(batch_size=16, root=root)
    assert [warning.filename for warning in caught] == [__file__] * 2


@pytest.fixture
def root(tmp_path):
    make_table(120, 1).to_csv(tmp_path / "kaggle_house_pred_train.csv", index=False)
    make_table(40, 2, prices=False).to_csv(tmp_path / "kaggle_house_pred_test.csv", index=False)
    return str(tmp_path)


@pytest.mark.parametrize("use", ["num_features", "fit", "submission"])
def test_tables_that_are_no_numbers_yet(d2l, root, use):
    data = d2l.KaggleHouse(batch_size=16, root=root)
    model = d2l.LinearRegression(num_inputs=3, lr=0.1)
    with pytest.raises(RuntimeError, match=r"call data\.preprocess\(\) first"):
        {
            "num_features": lambda: data.num_features,
            "fit": lambda: d2l.Trainer(max_epochs=1).fit(model, data),
            "submission": lambda: data.submission([model]),
        }[use]()


def test_preprocess():
    raw, other = make_table(100, 1), make_table(30, 2, prices=False)
    other.loc[0, "Street"] = "Unseen"
    train, val = house_prices.preprocess(raw, other)
    assert list(train.columns)[:-1] == list(val.columns)
    assert train.columns[-1] == "SalePrice"
    assert not train.isna().any().any()
    assert not val.isna().any().any()
    known = raw["LotArea"].notna()
    np.testing.assert_allclose(train.loc[known, "LotArea"].mean(), 0, atol=1e-12)
    np.testing.assert_allclose(train.loc[known, "LotArea"].std(), 1)
    assert (train.loc[~known, "LotArea"] == 0).all()  # the mean
    expected = (other["YearBuilt"] - raw["YearBuilt"].mean()) / raw["YearBuilt"].std()
    np.testing.assert_allclose(val["YearBuilt"], expected)  # by the training table's numbers
    assert (train["Always"] == 0).all()
    assert train[["Street_Pave", "Street_Grvl"]].sum(axis=1).eq(1).all()
    assert val.loc[0, ["Street_Pave", "Street_Grvl"]].sum() == 0
    assert train["Alley_nan"].mean() > 0.2


def test_folds_cut_the_table():
    table = make_table(23, 1)
    parts = house_prices.folds(table, 5)
    assert sorted(len(val) for _, val in parts) == [4, 4, 5, 5, 5]
    ids = np.concatenate([val["Id"] for _, val in parts])
    np.testing.assert_array_equal(np.sort(ids), table["Id"])
    for train, val in parts:
        assert not set(train["Id"]) & set(val["Id"])
        assert len(train) + len(val) == 23
    for k, message in ((1, "k must be at least 2"), (24, "k must be at most the number of rows")):
        with pytest.raises(ValueError, match=message):
            house_prices.folds(table, k)


def test_columns_that_are_missing_are_named(tmp_path):
    make_table(5, 1, prices=False).to_csv(tmp_path / "kaggle_house_pred_train.csv", index=False)
    make_table(5, 1).to_csv(tmp_path / "kaggle_house_pred_test.csv", index=False)
    with pytest.raises(ValueError, match="must have a column 'SalePrice'"):
        house_prices.read_house_prices(str(tmp_path))


@pytest.mark.slow
def test_the_whole_section(d2l, root):
    data = d2l.KaggleHouse(batch_size=64, root=root)
    assert data.raw_train.shape == (120, 8)
    data.preprocess()
    X, y = next(iter(data.train_dataloader()))
    assert tuple(X.shape) == (64, data.num_features)
    assert tuple(y.shape) == (64, 1)
    assert data.val_dataloader() is None  # the test houses have no prices
    trainer = d2l.Trainer(max_epochs=20)

    def make_model(fold):
        model = d2l.LinearRegression(num_inputs=fold.num_features, lr=0.02)
        weights = d2l.export_weights(model)
        d2l.import_weights(model, {name: 0 * array for name, array in weights.items()})
        return model

    models, losses = d2l.k_fold(trainer, data, 5, make_model)
    assert len(models) == len(losses) == 5
    assert max(losses) < 30  # from about 140, the square of a logarithm of a price
    assert models[0].board.data["val_loss"][-1].y == losses[0]
    table = data.submission(models)
    assert list(table.columns) == ["Id", "SalePrice"]
    np.testing.assert_array_equal(table["Id"], make_table(40, 2, prices=False)["Id"])
    assert (table["SalePrice"] > 0).all()


def test_both_backends_predict_the_same_prices(root):
    import d2l_jax
    import d2l_torch

    tables = []
    for d2l in (d2l_jax, d2l_torch):
        data = d2l.KaggleHouse(batch_size=64, root=root)
        data.preprocess()
        model = d2l.LinearRegression(num_inputs=data.num_features, lr=0.02)
        d2l.import_weights(model, d2l.initial_weights(d2l.export_weights(model), seed=0))
        d2l.Trainer(max_epochs=10).fit(model, data)
        tables.append(data.submission([model]))
    # Float32 logarithms of prices, after 20 steps: a relative error of some eps times 12.
    np.testing.assert_allclose(tables[0]["SalePrice"], tables[1]["SalePrice"], rtol=1e-4)
