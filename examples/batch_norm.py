"""LeNet with and without batch normalization, and the curves of both losses (section 8.5)."""

from common import Section, image_data, set_weights

LAYERS = {"LeNet": "LeNet", "with normalization": "BNLeNet", "from scratch": "BNLeNetScratch"}


def run(d2l, options):
    """Train all three on the same minibatches; return the figure of their losses."""
    curves = {}
    for title, name in LAYERS.items():
        data = image_data(d2l, options, resize=(28, 28))
        model = getattr(d2l, name)(options.lr, num_classes=len(data.classes))
        model.apply_init(data.train_dataloader().first()[:-1])
        set_weights(d2l, model, options.seed, "xavier")
        history = d2l.Trainer(options.epochs).fit(model, data)
        curves[title] = history.train_loss
        accuracies = " ".join(f"{accuracy:.3f}" for accuracy in history.val_acc)
        print(f"{title:<20} loss {history.train_loss[-1]:.4f}, accuracy {accuracies}")
    steps = range(len(curves["LeNet"]))
    d2l.plot(
        list(steps),
        list(curves.values()),
        xlabel="step",
        ylabel="training loss",
        legend=list(curves),
        figsize=(5, 3),
    )
    return d2l.plt.gcf()


SECTION = Section(__doc__, run, images=True, extra={"lr": 0.5, "epochs": 5, "batch_size": 64})

if __name__ == "__main__":
    SECTION.main()
