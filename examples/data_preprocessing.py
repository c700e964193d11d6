# %% [markdown]
"""
# Data preprocessing: from a CSV file with missing values to tensors (section 2.2)

Data rarely come as tensors. Here a table of houses, with gaps in it, is read by pandas and becomes
a matrix of inputs and a vector of prices.
"""

# %%
import tempfile
from pathlib import Path

import pandas as pd
from common import show, start

d2l, args = start(__doc__, backend="jax", draws=False)

# %% [markdown]
# ## Reading the file

# %%
HOUSES = """\
NumRooms,RoofType,Price
NA,NA,127500
2,NA,106000
4,Slate,178100
NA,NA,140000
"""
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "house_tiny.csv"
    path.write_text(HOUSES)
    data = pd.read_csv(path)
print(data, end="\n\n")

# %% [markdown]
# ## Filling the gaps
#
# The last column is the target. A category becomes a column of zeros and ones for each of its
# values; a missing category counts as a value of its own.

# %%
inputs, targets = data.iloc[:, 0:2], data.iloc[:, 2]
inputs = pd.get_dummies(inputs, dummy_na=True)
print(inputs, end="\n\n")

# %% [markdown]
# A missing number becomes the mean of the others.

# %%
inputs = inputs.fillna(inputs.mean())
print(inputs, end="\n\n")

# %% [markdown]
# ## Tensors
#
# All columns are numbers now.

# %%
X = d2l.tensor(inputs.to_numpy(dtype=float), dtype=d2l.float32)
y = d2l.tensor(targets.to_numpy(dtype=float), dtype=d2l.float32)
show("X", X)
show("y", y)
