# %% [markdown]
"""
# LeNet with and without batch normalization, and the curves of both losses (section 8.5)

Batch normalization gives the outputs of a layer mean 0 and variance 1 over the minibatch. With it a
network bears a learning rate at which it would learn nothing without it.
"""

# %%
from common import image_data, save_figure, show_source, start
from networks import initialize

d2l, args = start(__doc__, backend="jax", images=True, lr=0.5, epochs=5, batch_size=64)

# %% [markdown]
# ## The layer from scratch
#
# In training it normalizes by the minibatch and keeps running averages, by which it normalizes in
# validation. A scale and a shift are learned.

# %%
show_source(d2l.BatchNorm)

# %% [markdown]
# ## Three networks, one learning rate
#
# They train on the same minibatches. The normalization from scratch and the frameworks' own compute
# the same.

# %%
LAYERS = {
    "LeNet": d2l.LeNet,
    "with normalization": d2l.BNLeNet,
    "from scratch": d2l.BNLeNetScratch,
}
curves = {}
for title, network in LAYERS.items():
    data = image_data(d2l, args, resize=(28, 28))
    model = network(args.lr, num_classes=len(data.classes))
    initialize(d2l, model, data, args.seed, "xavier")
    history = d2l.Trainer(args.epochs).fit(model, data)
    curves[title] = history.train_loss
    accuracies = " ".join(f"{accuracy:.3f}" for accuracy in history.val_acc)
    print(f"{title:<20} loss {history.train_loss[-1]:.4f}, accuracy {accuracies}")

# %%
steps = list(range(len(curves["LeNet"])))
losses, legend = list(curves.values()), list(curves)
d2l.plot(steps, losses, "step", "training loss", legend=legend, figsize=(5, 3))
d2l.plt.gca().lines[1].set(linewidth=6, alpha=0.4)  # the third lies on it
d2l.plt.legend(legend)
save_figure(args, d2l.plt.gcf())
