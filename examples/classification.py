"""
The base classification model (section 4.3).

If the last minibatch is smaller, the accuracy over all examples differs from the average of the
minibatches' accuracies. The Trainer reports the accuracy over all examples.
"""

import numpy as np
from common import Section, image_data, num_pixels, set_weights, show


def show_accuracy(d2l):
    """Print predictions and accuracy for a few logits."""
    model = d2l.Classifier()
    Y_hat = d2l.tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5], [2.0, 1.0, 0.0], [0.4, 0.4, 0.2]])
    Y = d2l.tensor([0, 2, 0, 1])
    show("predictions", d2l.argmax(Y_hat, 1))  # of equal logits, the first
    show("labels", Y)
    show("correct", model.accuracy(Y_hat, Y, averaged=False))
    show("accuracy", model.accuracy(Y_hat, Y))
    show("loss of each example", model.loss(Y_hat, Y, averaged=False))
    show("loss", model.loss(Y_hat, Y))


def show_averages(d2l, options):
    """Train for an epoch, and print both validation accuracies."""
    data = image_data(d2l, options)
    model = d2l.SoftmaxRegression(
        num_outputs=len(data.classes), lr=0.1, num_inputs=num_pixels(data)
    )
    set_weights(d2l, model, options.seed)
    history = d2l.Trainer(max_epochs=1).fit(model, data)
    batches = list(data.val_dataloader())
    sizes = np.array([len(y) for _, y in batches])
    accuracies = np.array([float(model.accuracy(model(X), y)) for X, y in batches])
    print(
        f"\nvalidation: {sizes.sum()} examples, {len(sizes)} minibatches, the last of {sizes[-1]}"
    )
    show("over minibatches", accuracies.mean())
    show("over examples", np.average(accuracies, weights=sizes))
    show("history.val_acc", history.val_acc[-1])
    return [len(batches), sizes, accuracies, history.val_acc[-1]]


def run(d2l, options):
    """Print accuracies, and return a figure of the minibatches' accuracies."""
    show_accuracy(d2l)
    count, _, accuracies, exact = show_averages(d2l, options)
    numbers = range(1, count + 1)
    curves = [accuracies, [accuracies.mean()] * count, [exact] * count]
    legend = ["a minibatch", "average over minibatches", "over examples"]
    fmts = ("o", "m--", "g-.")
    d2l.plot(numbers, curves, "minibatch", "accuracy", legend, fmts=fmts, figsize=(4.5, 3))
    return d2l.plt.gcf()


if __name__ == "__main__":
    Section(__doc__, run, images=True, extra={"batch_size": 50}).main()
