"""Predictions of softmax regression, and the images it classifies wrongly (section 4.4.5)."""

import numpy as np
from common import Section, image_data, num_pixels, set_weights, show


def trained_model(d2l, data, options):
    """Return softmax regression after a few epochs."""
    model = d2l.SoftmaxRegressionScratch(num_pixels(data), len(data.classes), options.lr)
    set_weights(d2l, model, options.seed)
    history = d2l.Trainer(options.epochs).fit(model, data)
    show("validation accuracy", history.val_acc[-1])
    return model


def run(d2l, options):
    """Train, print the predictions of a minibatch, and return the figure of the wrong ones."""
    data = image_data(d2l, options)
    model = trained_model(d2l, data, options)
    X, y = next(iter(data.val_dataloader()))
    preds = d2l.argmax(model(X), 1)
    wrong = np.flatnonzero(d2l.numpy(preds) != d2l.numpy(y))
    print(f"of {len(y)} images {len(wrong)} are classified wrongly")
    X, y, preds = X[wrong], y[wrong], preds[wrong]
    names = list(zip(data.text_labels(y), data.text_labels(preds), strict=True))
    for i, (true, predicted) in zip(wrong[:16], names, strict=False):
        print(f"image {i:3}: {true:12} taken for {predicted}")
    labels = [f"true: {true}\npred: {predicted}" for true, predicted in names]
    # Up to two rows of eight images.
    rows = 2 if len(labels) > 8 else 1
    return data.visualize([X, y], nrows=rows, labels=labels)[0].figure


if __name__ == "__main__":
    extra = {"epochs": 10, "batch_size": 256, "lr": 0.1}
    Section(__doc__, run, images=True, extra=extra).main()
