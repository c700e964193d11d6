# %% [markdown]
"""
# Predicting house prices on Kaggle (section 5.7)

`--root` names the folder of the competition's two files; without it the houses are invented, with
the same columns. The submission goes to `out/`.
"""

# %%
import tempfile
import warnings
from pathlib import Path

import numpy as np
from common import save_figure, set_weights, show, start
from house_table import write_house_tables
from options import OUTPUT

d2l, args = start(__doc__, backend="jax", root="", k=5, epochs=10, batch_size=64, lr=0.01)

# %% [markdown]
# ## The tables


# %%
def load_houses():
    """Return the data module of the files in `--root`, or of invented houses."""
    if args.root:
        return d2l.KaggleHouse(args.batch_size, root=args.root, seed=args.seed)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* is not the official table")
        write_house_tables(Path(folder), num_train=1200, num_test=300, seed=args.seed)
        print("1200 invented houses: for the competition's, pass their folder as --root")
        return d2l.KaggleHouse(args.batch_size, root=folder, seed=args.seed)


data = load_houses()
columns = ["Id", "MSSubClass", "MSZoning", "LotFrontage", "SaleType", "SalePrice"]
print(data.raw_train[columns].head(4).to_string(index=False))

# %% [markdown]
# ## Features
#
# Numbers get mean 0 and variance 1, with 0 for a gap; categories become columns of zeros and ones.

# %%
data.preprocess()
print(f"\n{data.raw_train.shape[1] - 2} columns become {data.num_features} features")

# %% [markdown]
# ## K-fold cross-validation
#
# Each fold in turn validates a linear model that learned from the others. The loss is that of the
# logarithm of the price, so that an error counts relative to it.


# %%
def make_model(fold):
    """Return linear regression for the features of a fold."""
    model = d2l.LinearRegression(num_inputs=fold.num_features, lr=args.lr)
    set_weights(d2l, model, args.seed)
    return model


trainer = d2l.Trainer(args.epochs)
models, losses = d2l.k_fold(trainer, data, args.k, make_model)
show(f"losses of {args.k} folds", losses)
show("their mean, of squared logs", np.mean(losses))

# %% [markdown]
# ## Submission
#
# The model that predicts is trained on all houses: a fold may lack a category.

# %%
model = make_model(data)
trainer.fit(model, data)
submission = data.submission([model])
OUTPUT.mkdir(exist_ok=True)
path = OUTPUT / f"submission_{args.backend}.csv"
submission.to_csv(path, index=False)
print(f"\nsubmission: {path}, {len(submission)} rows")
print(submission.head(4).to_string(index=False, float_format="%.0f"))

# %%
curves = [[point.y for point in model.board.data["val_loss"]] for model in models]
legend = [f"fold {i + 1}" for i in range(args.k)]
fmts = ("C0-", "C1--", "C2-.", "C3:", "C4-")
epochs = range(1, args.epochs + 1)
d2l.plot(epochs, curves, "epoch", "val_loss", legend, fmts=fmts, figsize=(4.5, 3))
save_figure(args, d2l.plt.gcf())
