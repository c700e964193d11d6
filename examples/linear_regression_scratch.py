"""Linear regression implemented from scratch (section 3.4)."""

from common import Example, synthetic_data


def make_model(d2l, data, options):
    """Return the model with one weight for each input."""
    return d2l.LinearRegressionScratch(num_inputs=len(data.w), lr=options.lr)


EXAMPLE = Example(__doc__, synthetic_data, make_model, lr=0.03, epochs=10, batch_size=32)

if __name__ == "__main__":
    EXAMPLE.main()
