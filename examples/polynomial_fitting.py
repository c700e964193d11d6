"""
Underfitting and overfitting of polynomials (section 3.6).

The data are a cubic with noise. A line is too simple for it; a polynomial of degree 19 is too
flexible for 20 examples.
"""

import numpy as np
from common import Section, set_weights

DEGREES = {"underfits": 1, "fits": 3, "overfits": 19}


def fit(d2l, num_features, options):
    """Return the history and the weights of a polynomial with `num_features` coefficients."""
    data = d2l.PolynomialData(
        num_features=num_features,
        num_train=options.num_train,
        num_val=100,
        batch_size=10,
        seed=options.seed,
    )
    model = d2l.LinearRegression(num_inputs=num_features, lr=options.lr)
    set_weights(d2l, model, options.seed)
    history = d2l.Trainer(options.epochs).fit(model, data)
    return history, d2l.export_weights(model)


def run(d2l, options):
    """Fit polynomials of three degrees, print their losses, return the figure."""
    figure, panels = d2l.plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
    epochs = range(1, options.epochs + 1)
    print("degree        train_loss  val_loss  first coefficients (true: 5 1.2 -3.4 5.6)")
    for (name, degree), axes in zip(DEGREES.items(), panels, strict=True):
        history, weights = fit(d2l, degree + 1, options)
        losses = [history.epoch_train_loss, history.val_loss]
        w = weights["net.weight"][0]
        # The feature x^0 is 1, so its weight and the bias are one coefficient together.
        w = np.concatenate([w[:1] + weights["net.bias"], w[1:4]])
        coefficients = " ".join(f"{c:.4f}" for c in w)
        print(f"{degree:2} {name:10}{losses[0][-1]:12.4f}{losses[1][-1]:10.4f}  {coefficients}")
        ylabel = "loss" if axes is panels[0] else ""
        legend = ["train_loss", "val_loss"]
        ylim = (5e-3, 1e2)
        d2l.plot(epochs, losses, "epoch", ylabel, legend, ylim=ylim, yscale="log", axes=axes)
        axes.set_title(f"degree {degree}")
    return figure


if __name__ == "__main__":
    extra = {"epochs": 400, "lr": 0.1, "num_train": 20}
    Section(__doc__, run, extra=extra).main()
