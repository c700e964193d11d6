"""
Predicting house prices on Kaggle (section 5.7).

`--root` names the folder of the competition's two files; without it the houses are invented, with
the same columns. The submission goes to `out/`.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np
from common import OUTPUT, Section, set_weights, show
from house_table import write_house_tables


def load(d2l, options):
    """Return the data module of the files in `--root`, or of invented houses."""
    if options.root:
        return d2l.KaggleHouse(options.batch_size, root=options.root, seed=options.seed)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* is not the official table")
        write_house_tables(Path(folder), num_train=1200, num_test=300, seed=options.seed)
        print("1200 invented houses: for the competition's, pass their folder as --root")
        return d2l.KaggleHouse(options.batch_size, root=folder, seed=options.seed)


def run(d2l, options):
    """Print raw data, folds and submission, and return the figure of the folds' losses."""
    data = load(d2l, options)
    columns = ["Id", "MSSubClass", "MSZoning", "LotFrontage", "SaleType", "SalePrice"]
    print(data.raw_train[columns].head(4).to_string(index=False))
    data.preprocess()
    print(f"\n{data.raw_train.shape[1] - 2} columns become {data.num_features} features")

    def make_model(fold):
        model = d2l.LinearRegression(num_inputs=fold.num_features, lr=options.lr)
        set_weights(d2l, model, options.seed)
        return model

    trainer = d2l.Trainer(options.epochs)
    models, losses = d2l.k_fold(trainer, data, options.k, make_model)
    show(f"losses of {options.k} folds", losses)
    show("their mean, of squared logs", np.mean(losses))
    # The model that predicts is trained on all houses: a fold may lack a category.
    model = make_model(data)
    trainer.fit(model, data)
    submission = data.submission([model])
    OUTPUT.mkdir(exist_ok=True)
    path = OUTPUT / f"submission_{options.backend}.csv"
    submission.to_csv(path, index=False)
    print(f"\nsubmission: {path}, {len(submission)} rows")
    print(submission.head(4).to_string(index=False, float_format="%.0f"))
    curves = [[point.y for point in model.board.data["val_loss"]] for model in models]
    legend = [f"fold {i + 1}" for i in range(options.k)]
    fmts = ("C0-", "C1--", "C2-.", "C3:", "C4-")
    epochs = range(1, options.epochs + 1)
    d2l.plot(epochs, curves, "epoch", "val_loss", legend, fmts=fmts, figsize=(4.5, 3))
    return d2l.plt.gcf()


if __name__ == "__main__":
    extra = {"root": "", "k": 5, "epochs": 10, "batch_size": 64, "lr": 0.01}
    Section(__doc__, run, extra=extra).main()
