"""Mistakes in recurrent layers."""

import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

from parity_tests.porting_mistakes.entry import SEQUENCES, Mistake, minibatches


class GateOrder(Mistake):
    """
    The gates of an LSTM in another order.

    PyTorch packs input, forget, cell and output in one matrix. Other libraries have another order.
    """

    data = SEQUENCES

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.gates, self.fc = nn.Linear(16, 32), nn.Linear(8, 3)

        def forward(self, X):
            h = c = torch.zeros(len(X), 8, dtype=X.dtype)
            for x in X.unbind(1):
                i, f, g, o = self.gates(torch.cat((x, h), 1)).chunk(4, 1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
            return self.fc(h)

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.gates, self.fc = nnx.Linear(16, 32, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)

        def split(self, x):
            i, f, o, g = jnp.split(x, 4, 1)
            return i, f, g, o

        def __call__(self, X):
            h = c = jnp.zeros((len(X), 8), X.dtype)
            for x in X.swapaxes(0, 1):
                i, f, g, o = self.split(self.gates(jnp.concatenate((x, h), 1)))
                c = nnx.sigmoid(f) * c + nnx.sigmoid(i) * jnp.tanh(g)
                h = nnx.sigmoid(o) * jnp.tanh(c)
            return self.fc(h)

    class Mended(Mistaken):
        def split(self, x):
            return jnp.split(x, 4, 1)


class TwoBiases(Mistake):
    """
    Recurrent layers with one bias where PyTorch has two.

    PyTorch adds `bias_ih` and `bias_hh`. Both get the same gradient, so that their sum learns twice
    as fast as the one bias of NNX. If this difference is welcome, freeze `bias_hh` in PyTorch.
    """

    data = SEQUENCES

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.fc = nn.RNN(8, 8, batch_first=True), nn.Linear(8, 3)

        def forward(self, X):
            return self.fc(self.rnn(X)[0][:, -1])

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.rnn = nnx.RNN(nnx.SimpleCell(8, 8, rngs=rngs))
            self.fc = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc(self.rnn(X)[:, -1])

    class Rnn(nnx.Module):
        def __init__(self, inputs, hiddens, rngs):
            self.weight_ih_l0 = nnx.Param(rngs.params.normal((hiddens, inputs)))
            self.weight_hh_l0 = nnx.Param(rngs.params.normal((hiddens, hiddens)))
            self.bias_ih_l0 = nnx.Param(jnp.zeros(hiddens))
            self.bias_hh_l0 = nnx.Param(jnp.zeros(hiddens))

        def __call__(self, X):
            h, states = jnp.zeros((len(X), len(self.bias_hh_l0)), X.dtype), []
            for x in X.swapaxes(0, 1):
                h = x @ self.weight_ih_l0.T + self.bias_ih_l0 + h @ self.weight_hh_l0.T
                h = jnp.tanh(h + self.bias_hh_l0)
                states.append(h)
            return jnp.stack(states, 1)

    class Mended(Mistaken):
        def __init__(self, rngs):
            super().__init__(rngs)
            self.rnn = TwoBiases.Rnn(8, 8, rngs)


class GruBias(Mistake):
    """
    A GRU without the bias of its hidden state.

    PyTorch has a bias `b_hn` inside of the product with the reset gate. `nnx.GRUCell` does not have
    one, and no other bias can replace it.
    """

    data = SEQUENCES

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.fc = nn.GRU(8, 8, batch_first=True), nn.Linear(8, 3)

        def forward(self, X):
            return self.fc(self.rnn(X)[0][:, -1])

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.rnn = nnx.RNN(nnx.GRUCell(8, 8, rngs=rngs))
            self.fc = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc(self.rnn(X)[:, -1])

    class Gru(nnx.Module):
        def __init__(self, inputs, hiddens, rngs):
            self.weight_ih_l0 = nnx.Param(rngs.params.normal((3 * hiddens, inputs)))
            self.weight_hh_l0 = nnx.Param(rngs.params.normal((3 * hiddens, hiddens)))
            self.bias_ih_l0 = nnx.Param(jnp.zeros(3 * hiddens))
            self.bias_hh_l0 = nnx.Param(jnp.zeros(3 * hiddens))

        def __call__(self, X):
            h, states = jnp.zeros((len(X), self.weight_hh_l0.shape[1]), X.dtype), []
            for x in X.swapaxes(0, 1):
                r, z, n = jnp.split(x @ self.weight_ih_l0.T + self.bias_ih_l0, 3, 1)
                hr, hz, hn = jnp.split(h @ self.weight_hh_l0.T + self.bias_hh_l0, 3, 1)
                n = jnp.tanh(n + nnx.sigmoid(r + hr) * hn)
                h = n + nnx.sigmoid(z + hz) * (h - n)
                states.append(h)
            return jnp.stack(states, 1)

    class Mended(Mistaken):
        def __init__(self, rngs):
            super().__init__(rngs)
            self.rnn = GruBias.Gru(8, 8, rngs)


class BatchFirst(Mistake):
    """
    Time and batch confused.

    PyTorch's recurrent layers take `(num_steps, n, num_inputs)` unless they are `batch_first`.
    `nnx.RNN` takes `(n, num_steps, num_inputs)` unless it is `time_major`.
    """

    data = minibatches(6, 5, 8, labels=(5,))

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.fc = nn.RNN(8, 8), nn.Linear(8, 3)
            self.rnn.bias_hh_l0.requires_grad_(False)

        def forward(self, X):
            return self.fc(self.rnn(X)[0][-1])

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.rnn = nnx.RNN(nnx.SimpleCell(8, 8, rngs=rngs))
            self.fc = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc(self.rnn(X)[-1])

    class Mended(Mistaken):
        def __call__(self, X):
            return self.fc(self.rnn(X, time_major=True)[-1])


class FinalState(Mistake):
    """
    The last output taken for the final state.

    They are the same in one direction. The layer that goes backward ends at the first input: its
    final state is the first output.
    """

    data = SEQUENCES

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(8, 8, batch_first=True, bidirectional=True)
            self.fc = nn.Linear(16, 3)
            for name in ("bias_hh_l0", "bias_hh_l0_reverse"):
                getattr(self.rnn, name).requires_grad_(False)

        def forward(self, X):
            _, h = self.rnn(X)
            return self.fc(torch.cat((h[0], h[1]), 1))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            rnns = (nnx.RNN(nnx.SimpleCell(8, 8, rngs=rngs)) for _ in range(2))
            self.rnn = nnx.Bidirectional(*rnns)
            self.fc = nnx.Linear(16, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc(self.rnn(X)[:, -1])

    class Mended(Mistaken):
        def __call__(self, X):
            Y = self.rnn(X)
            return self.fc(jnp.concatenate((Y[:, -1, :8], Y[:, 0, 8:]), 1))
