# %% [markdown]
"""
# Underfitting and overfitting of polynomials (section 3.6)

The data are a cubic with noise. A line is too simple for it; a polynomial of degree 19 is too
flexible for 20 examples.
"""

# %%
import numpy as np
from common import save_figure, set_weights, start

d2l, args = start(__doc__, backend="jax", epochs=400, lr=0.1, num_train=20)

# %% [markdown]
# ## A fit
#
# A polynomial is linear in its coefficients, so linear regression fits it: the features are the
# powers of `x`.


# %%
def fit(num_features):
    """Return the history and the weights of a polynomial with `num_features` coefficients."""
    data = d2l.PolynomialData(
        num_features=num_features,
        num_train=args.num_train,
        num_val=100,
        batch_size=10,
        seed=args.seed,
    )
    model = d2l.LinearRegression(num_inputs=num_features, lr=args.lr)
    set_weights(d2l, model, args.seed)
    history = d2l.Trainer(args.epochs).fit(model, data)
    return history, d2l.export_weights(model)


def coefficients(weights):
    """Return the first four; the feature `x^0` is 1, so its weight and the bias are one."""
    w = weights["net.weight"][0]
    return np.concatenate([w[:1] + weights["net.bias"], w[1:4]])


# %% [markdown]
# ## Three degrees
#
# The line has a high loss on both parts: it underfits. The cubic has a low one on both. Degree 19
# has the lowest training loss, and a higher validation loss: it overfits.

# %%
DEGREES = {"underfits": 1, "fits": 3, "overfits": 19}
fits = {name: fit(degree + 1) for name, degree in DEGREES.items()}
print("degree        train_loss  val_loss  first coefficients (true: 5 1.2 -3.4 5.6)")
for name, (history, weights) in fits.items():
    numbers = f"{history.epoch_train_loss[-1]:12.4f}{history.val_loss[-1]:10.4f}"
    first = " ".join(f"{c:.4f}" for c in coefficients(weights))
    print(f"{DEGREES[name]:2} {name:10}{numbers}  {first}")

# %%
figure, panels = d2l.plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
epochs = range(1, args.epochs + 1)
for (name, degree), axes in zip(DEGREES.items(), panels, strict=True):
    history, _ = fits[name]
    losses = [history.epoch_train_loss, history.val_loss]
    ylabel = "loss" if axes is panels[0] else ""
    legend = ["train_loss", "val_loss"]
    ylim = (5e-3, 1e2)
    d2l.plot(epochs, losses, "epoch", ylabel, legend, ylim=ylim, yscale="log", axes=axes)
    axes.set_title(f"degree {degree}")
save_figure(args, figure)
