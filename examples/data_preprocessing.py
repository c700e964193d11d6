"""Data preprocessing: from a CSV file with missing values to tensors (section 2.2)."""

import tempfile
from pathlib import Path

import pandas as pd
from common import Section, show

HOUSES = """\
NumRooms,RoofType,Price
NA,NA,127500
2,NA,106000
4,Slate,178100
NA,NA,140000
"""


def read_houses():
    """Write `house_tiny.csv` to a temporary folder, and read it as a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "house_tiny.csv"
        path.write_text(HOUSES)
        return pd.read_csv(path)


def run(d2l, options):
    """Print the table at each step, and the tensors at the end."""
    data = read_houses()
    print(data, end="\n\n")
    inputs, targets = data.iloc[:, 0:2], data.iloc[:, 2]
    # A category becomes a column of zeros and ones for each of its values, also for missing.
    inputs = pd.get_dummies(inputs, dummy_na=True)
    print(inputs, end="\n\n")
    # A missing number becomes the mean of the others.
    inputs = inputs.fillna(inputs.mean())
    print(inputs, end="\n\n")
    X = d2l.tensor(inputs.to_numpy(dtype=float), dtype=d2l.float32)
    y = d2l.tensor(targets.to_numpy(dtype=float), dtype=d2l.float32)
    show("X", X)
    show("y", y)


if __name__ == "__main__":
    Section(__doc__, run, draws=False).main()
