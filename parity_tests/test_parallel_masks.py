"""Dropout inside operations of PyTorch has the masks of the whole minibatch (section 13.6)."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from d2l_torch.training.whole_minibatch import Part, WholeMasks, WholeMinibatch

NUM_EXAMPLES, NUM_STEPS, NUM_HIDDENS = 7, 5, 8
BOUND = 1e-14  # sums in another order, in float64


def recurrent(kind, **options):
    """Return three recurrent layers, and a function of a minibatch that calls them."""
    layers = kind(NUM_HIDDENS, NUM_HIDDENS, 3, dropout=0.5, **options).double()
    if layers.batch_first:
        return layers, lambda X: layers(X)[0]
    return layers, lambda X: layers(X.transpose(0, 1))[0].transpose(0, 1)


def multihead(call=dict, **options):
    """Return a layer of attention, and a function that returns its outputs and its weights."""
    layer = nn.MultiheadAttention(NUM_HIDDENS, 2, dropout=0.5, **options).double()

    def f(X):
        Z = X if layer.batch_first else X.transpose(0, 1)
        outputs, weights = layer(Z, Z + 1, 2 * Z, **call())
        outputs = outputs if layer.batch_first else outputs.transpose(0, 1)
        if weights is None:
            return outputs
        return torch.cat([outputs, (weights**2).sum(-1, keepdim=True)], -1)

    return layer, f


def attention(*shape, **options):
    """Return a layer, and attention of its outputs in the shape `(n * shape[0], *shape[1:])`."""
    layer = nn.Linear(NUM_HIDDENS, NUM_HIDDENS).double()

    def f(X):
        Q = layer(X).reshape(len(X) * shape[0], *shape[1:])
        Y = F.scaled_dot_product_attention(Q, Q + 1, 2 * Q, dropout_p=0.5, **options)
        return Y.reshape(len(X), -1)

    return layer, f


HEADS = (1, 2, NUM_STEPS, 4)
FORMS = {
    "LSTM": lambda: recurrent(nn.LSTM),
    "LSTM, projected": lambda: recurrent(
        nn.LSTM, batch_first=True, bidirectional=True, proj_size=3
    ),
    "GRU": lambda: recurrent(nn.GRU, bidirectional=True),
    "GRU, batch first": lambda: recurrent(nn.GRU, batch_first=True),
    "RNN": lambda: recurrent(nn.RNN, bias=False),
    "RNN, ReLU": lambda: recurrent(nn.RNN, nonlinearity="relu"),
    "multi-head": lambda: multihead(),
    "multi-head, batch first": lambda: multihead(batch_first=True, add_bias_kv=True),
    "multi-head, no weights": lambda: multihead(lambda: {"need_weights": False}),
    "multi-head, masked": lambda: multihead(
        lambda: {"attn_mask": torch.ones(NUM_STEPS, NUM_STEPS).triu(1).bool()}
    ),
    "attention": lambda: attention(*HEADS),
    "attention, heads as examples": lambda: attention(2, NUM_STEPS, 4),
    "attention, causal": lambda: attention(*HEADS, is_causal=True, scale=0.3),
    "attention, masked": lambda: attention(
        *HEADS, attn_mask=torch.arange(25.0).double().reshape(5, 5)
    ),
}


def results_of(layer, f, X, part):
    """Return outputs, gradients, and a number drawn after them."""
    torch.manual_seed(1)
    layer.zero_grad()
    with WholeMinibatch(part):
        outputs = f(X[part.rows])
    (outputs**2).sum().backward()
    return outputs.detach(), [p.grad for p in layer.parameters()], torch.rand(())


@pytest.mark.parametrize("num_processes", [2, 3])
@pytest.mark.parametrize("form", FORMS)
def test_parts_have_the_masks_of_the_whole(form, num_processes):
    torch.manual_seed(0)
    layer, f = FORMS[form]()
    X = torch.randn(NUM_EXAMPLES, NUM_STEPS, NUM_HIDDENS, dtype=torch.float64)
    outputs, grads, number = results_of(layer, f, X, Part(NUM_EXAMPLES, 0, 1))
    parts = [Part(NUM_EXAMPLES, rank, num_processes) for rank in range(num_processes)]
    results = [results_of(layer, f, X, part) for part in parts]
    torch.testing.assert_close(torch.cat([r[0] for r in results]), outputs, rtol=0, atol=BOUND)
    for grad, *of_parts in zip(grads, *(r[1] for r in results), strict=True):
        scale = max(float(grad.abs().max()), 1)
        torch.testing.assert_close(sum(of_parts), grad, rtol=0, atol=BOUND * scale)
    assert all(r[2] == number for r in results)


def test_the_dropout_of_a_gpu_draws_for_the_whole():
    """PyTorch's dropout calls `native_dropout` on a GPU; here it runs on the CPU."""

    def results_of(part):
        torch.manual_seed(1)
        X = torch.ones(NUM_EXAMPLES, 2, 3)[part.rows].requires_grad_()
        with WholeMasks(part, F.scaled_dot_product_attention, is_batched=True):
            Y = torch.native_dropout(X, 0.5, True)[0]
        return torch.stack([Y, *torch.autograd.grad(Y.sum(), X)], 1)

    parts = torch.cat([results_of(Part(NUM_EXAMPLES, rank, 2)) for rank in range(2)])
    assert torch.equal(parts, results_of(Part(NUM_EXAMPLES, 0, 1)))


def packed(X):
    return pack_padded_sequence(X, [5, 4, 3], batch_first=True)


WITHOUT_EXAMPLES = {
    "lstm, a mask of shape (12, 8)": lambda X: nn.LSTM(8, 8, 2, dropout=0.5)(packed(X)),
    "gru, a mask of shape (5, 1, 8)": lambda X: nn.GRU(8, 8, 2, dropout=0.5)(X[0]),
    "multi_head_attention_forward, a mask of shape (3, 5, 5)": lambda X: nn.MultiheadAttention(
        6, 3, dropout=0.5
    )(*[X[0, :, :6]] * 3),
    "scaled_dot_product_attention, a mask of shape (5, 5)": lambda X: (
        F.scaled_dot_product_attention(X[0], X[0], X[0], dropout_p=0.5)
    ),
}


@pytest.mark.parametrize("message", WITHOUT_EXAMPLES)
def test_an_input_without_the_examples_of_the_process(message):
    name, mask = message.split(", ", 1)
    X = torch.randn(3, NUM_STEPS, NUM_HIDDENS)
    with WholeMinibatch(Part(NUM_EXAMPLES, 0, 2)), pytest.raises(ValueError) as error:
        WITHOUT_EXAMPLES[message](X)
    beginning = f"input of {name} with dropout must have the 3 examples of this process"
    assert str(error.value).startswith(f"{beginning} on its batch axis, got {mask}; pad packed")


def test_without_dropout_packed_sequences_are_allowed():
    X = torch.randn(3, NUM_STEPS, NUM_HIDDENS)
    with WholeMinibatch(Part(NUM_EXAMPLES, 0, 2)):
        for layer in (nn.LSTM(8, 8, 2, dropout=0.5).eval(), nn.LSTM(8, 8, 2), nn.GRU(8, 8)):
            layer(packed(X))
