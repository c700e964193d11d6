"""A table of invented houses with the columns of the Kaggle competition (section 5.7)."""

from pathlib import Path

import numpy as np
import pandas as pd

# The numeric columns: their mean, and the share of houses without a value.
NUMBERS = {
    "MSSubClass": (57, 0), "LotFrontage": (70, 0.18), "LotArea": (10000, 0),
    "OverallQual": (6, 0), "OverallCond": (6, 0), "YearBuilt": (1971, 0),
    "YearRemodAdd": (1985, 0), "MasVnrArea": (104, 0.01), "BsmtFinSF1": (444, 0),
    "BsmtFinSF2": (47, 0), "BsmtUnfSF": (567, 0), "TotalBsmtSF": (1057, 0), "1stFlrSF": (1163, 0),
    "2ndFlrSF": (347, 0), "LowQualFinSF": (6, 0), "GrLivArea": (1515, 0), "BsmtFullBath": (1, 0),
    "BsmtHalfBath": (0, 0), "FullBath": (2, 0), "HalfBath": (1, 0), "BedroomAbvGr": (3, 0),
    "KitchenAbvGr": (1, 0), "TotRmsAbvGrd": (7, 0), "Fireplaces": (1, 0),
    "GarageYrBlt": (1978, 0.06), "GarageCars": (2, 0), "GarageArea": (473, 0),
    "WoodDeckSF": (94, 0), "OpenPorchSF": (47, 0), "EnclosedPorch": (22, 0), "3SsnPorch": (3, 0),
    "ScreenPorch": (15, 0), "PoolArea": (3, 0), "MiscVal": (43, 0), "MoSold": (6, 0),
    "YrSold": (2008, 0),
}  # fmt: skip
# The columns of categories: their values, and the share of houses without a value.
CATEGORIES = {
    "MSZoning": ("RL RM FV RH", 0), "Street": ("Pave Grvl", 0), "Alley": ("Grvl Pave", 0.93),
    "LotShape": ("Reg IR1 IR2", 0), "LandContour": ("Lvl Bnk HLS Low", 0),
    "Utilities": ("AllPub NoSeWa", 0), "LotConfig": ("Inside Corner CulDSac", 0),
    "LandSlope": ("Gtl Mod", 0), "Neighborhood": ("NAmes CollgCr OldTown Edwards Somerst", 0),
    "Condition1": ("Norm Feedr Artery", 0), "Condition2": ("Norm Feedr", 0),
    "BldgType": ("1Fam TwnhsE Duplex", 0), "HouseStyle": ("1Story 2Story 1.5Fin", 0),
    "RoofStyle": ("Gable Hip", 0), "RoofMatl": ("CompShg WdShngl", 0),
    "Exterior1st": ("VinylSd HdBoard MetalSd", 0), "Exterior2nd": ("VinylSd HdBoard MetalSd", 0),
    "MasVnrType": ("BrkFace Stone", 0.6), "ExterQual": ("TA Gd Ex Fa", 0),
    "ExterCond": ("TA Gd Fa", 0), "Foundation": ("PConc CBlock BrkTil", 0),
    "BsmtQual": ("TA Gd Ex Fa", 0.03), "BsmtCond": ("TA Gd Fa", 0.03),
    "BsmtExposure": ("No Av Gd Mn", 0.03), "BsmtFinType1": ("Unf GLQ ALQ", 0.03),
    "BsmtFinType2": ("Unf Rec LwQ", 0.03), "Heating": ("GasA GasW", 0),
    "HeatingQC": ("Ex TA Gd Fa", 0), "CentralAir": ("Y N", 0), "Electrical": ("SBrkr FuseA", 0.01),
    "KitchenQual": ("TA Gd Ex Fa", 0), "Functional": ("Typ Min1", 0),
    "FireplaceQu": ("Gd TA Fa", 0.47), "GarageType": ("Attchd Detchd BuiltIn", 0.06),
    "GarageFinish": ("Unf RFn Fin", 0.06), "GarageQual": ("TA Fa", 0.06),
    "GarageCond": ("TA Fa", 0.06), "PavedDrive": ("Y N", 0), "PoolQC": ("Gd Ex", 0.99),
    "Fence": ("MnPrv GdPrv", 0.8), "MiscFeature": ("Shed Gar2", 0.96),
    "SaleType": ("WD New COD", 0), "SaleCondition": ("Normal Partial Abnorml", 0),
}  # fmt: skip


def house_table(num_houses: int, seed: int) -> pd.DataFrame:
    """
    Return a table of invented houses, without `Id`; the prices follow from size, quality and age.

    Parameters
    ----------
    num_houses, seed : int

    Returns
    -------
    DataFrame of shape `(num_houses, 80)`
    """
    rng = np.random.default_rng(seed)
    columns = {}
    for name, (mean, _) in NUMBERS.items():
        spread = 25 if "Year" in name or "Yr" in name else max(mean / 3, 1)
        columns[name] = rng.normal(mean, spread, num_houses).round().clip(0).astype(int)
    for name, (values, _) in CATEGORIES.items():
        choices = values.split()
        # The first value is the most frequent; each later one has half the frequency.
        shares = 0.5 ** np.arange(len(choices))
        columns[name] = rng.choice(choices, num_houses, p=shares / shares.sum())
    table = pd.DataFrame(columns)
    quality = table["KitchenQual"].map({"Ex": 0.2, "Gd": 0.1, "TA": 0.0, "Fa": -0.1})
    log_price = (
        12
        + 0.4 * (table["GrLivArea"] / 1515 - 1)
        + 0.12 * (table["OverallQual"] - 6)
        + 0.004 * (table["YearBuilt"] - 1971)
        + quality
        + rng.normal(0, 0.1, num_houses)
    )
    for name, (_, missing) in {**NUMBERS, **CATEGORIES}.items():
        table[name] = table[name].mask(rng.random(num_houses) < missing)
    table["SalePrice"] = np.exp(log_price).round().astype(int)
    return table


def write_house_tables(folder: Path, num_train: int, num_test: int, seed: int) -> None:
    """Write `kaggle_house_pred_train.csv` and, without prices, `kaggle_house_pred_test.csv`."""
    table = house_table(num_train + num_test, seed)
    table.insert(0, "Id", np.arange(1, len(table) + 1))
    table[:num_train].to_csv(folder / "kaggle_house_pred_train.csv", index=False)
    test = table[num_train:].drop(columns="SalePrice")
    test.to_csv(folder / "kaggle_house_pred_test.csv", index=False)
