"""Mistakes in attention and embeddings."""

import jax
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn
from torch.nn import functional as F

from parity_tests.porting_mistakes.entry import SEQUENCES, TOKENS, Mistake, minibatches


class AttentionScale(Mistake):
    """
    Attention scores that are not scaled.

    `F.scaled_dot_product_attention` divides by the square root of the size of a head, and so does
    `jax.nn.dot_product_attention`. A softmax of the products alone does not.
    """

    data = SEQUENCES

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.fc = nn.Linear(8, 24), nn.Linear(8, 3)

        def forward(self, X):
            Q, K, V = self.qkv(X).chunk(3, -1)
            return self.fc(F.scaled_dot_product_attention(Q, K, V).mean(1))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.qkv, self.fc = nnx.Linear(8, 24, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)

        def scores(self, Q, K):
            return Q @ K.swapaxes(1, 2)

        def __call__(self, X):
            Q, K, V = jnp.split(self.qkv(X), 3, -1)
            weights = nnx.softmax(self.scores(Q, K))
            return self.fc((weights @ V).mean(1))

    class Mended(Mistaken):
        def scores(self, Q, K):
            return Q @ K.swapaxes(1, 2) / Q.shape[-1] ** 0.5


class SoftmaxAxis(Mistake):
    """
    A softmax over the wrong axis.

    PyTorch's `dim` counts the axes in the layout of PyTorch. Where the layout changes, as for
    channels, or an axis is missing, as the batch's in `jax.vmap`, the number changes too.
    """

    data = SEQUENCES

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.score, self.fc = nn.Linear(8, 1), nn.Linear(8, 3)

        def forward(self, X):
            weights = torch.softmax(self.score(X), dim=1)
            return self.fc((weights * X).sum(1))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.score, self.fc = nnx.Linear(8, 1, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            weights = nnx.softmax(self.score(X))  # over the last axis
            return self.fc((weights * X).sum(1))

    class Mended(Mistaken):
        def __call__(self, X):
            weights = nnx.softmax(self.score(X), axis=1)
            return self.fc((weights * X).sum(1))


class HeadsByReshape(Mistake):
    """
    Heads split by a reshape alone.

    The shape is right and the numbers are mixed: split the last axis first, then move the heads.
    """

    data = SEQUENCES

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.fc = nn.Linear(8, 24), nn.Linear(8, 3)

        def forward(self, X):
            n, steps, size = X.shape
            heads = self.qkv(X).reshape(n, steps, 3, 2, size // 2)
            Q, K, V = heads.permute(2, 0, 3, 1, 4)
            Y = F.scaled_dot_product_attention(Q, K, V)
            return self.fc(Y.transpose(1, 2).reshape(n, steps, size).mean(1))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.qkv, self.fc = nnx.Linear(8, 24, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)

        def split(self, X):
            return X.reshape(3, X.shape[0], X.shape[1], 2, 4)

        def __call__(self, X):
            Q, K, V = self.split(self.qkv(X))
            Y = nnx.dot_product_attention(Q, K, V)
            return self.fc(Y.reshape(X.shape).mean(1))

    class Mended(Mistaken):
        def split(self, X):
            return X.reshape(X.shape[0], X.shape[1], 3, 2, 4).transpose(2, 0, 1, 3, 4)


class InvertedMask(Mistake):
    """
    A mask with the opposite meaning.

    In `nn.MultiheadAttention` the mask is True where attention is not allowed. In NNX it is True
    where it is, and so it is in `F.scaled_dot_product_attention`.
    """

    data = SEQUENCES

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.fc = nn.Linear(8, 3)

        def forward(self, X):
            future = torch.ones(5, 5, dtype=torch.bool).triu(1)
            Y, _ = self.attention(X, X, X, attn_mask=future, need_weights=False)
            return self.fc(Y.mean(1))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.attention = nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs)
            self.fc = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            future = jnp.triu(jnp.ones((5, 5), bool), 1)
            return self.fc(self.attention(X, mask=future).mean(1))

    class Mended(Mistaken):
        def __call__(self, X):
            future = jnp.triu(jnp.ones((5, 5), bool), 1)
            return self.fc(self.attention(X, mask=~future).mean(1))


class PositionsOffByOne(Mistake):
    """
    Positions that begin at 1.

    JAX does not raise an error for an index out of range. An embedding returns NaN for it, other
    indexing the last row.
    """

    data = TOKENS

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.position = nn.Embedding(11, 8), nn.Embedding(6, 8)
            self.fc = nn.Linear(8, 3)

        def forward(self, X):
            H = self.token(X) + self.position(torch.arange(X.shape[1]))
            return self.fc(torch.relu(H).mean(1))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.token = nnx.Embed(11, 8, rngs=rngs)
            self.position = nnx.Embed(6, 8, rngs=rngs)
            self.fc = nnx.Linear(8, 3, rngs=rngs)

        def positions(self, steps):
            return jnp.arange(1, steps + 1)

        def __call__(self, X):
            H = self.token(X) + self.position(self.positions(X.shape[1]))
            return self.fc(nnx.relu(H).mean(1))

    class Mended(Mistaken):
        def positions(self, steps):
            return jnp.arange(steps)


class EmbeddingScale(Mistake):
    """
    An embedding that is not scaled.

    The Transformer of the paper multiplies its embeddings by the square root of their size.
    """

    data = TOKENS

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.fc = nn.Embedding(11, 8), nn.Linear(8, 3)

        def forward(self, X):
            H = self.token(X) * 8**0.5
            return self.fc(H.mean(1))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.token = nnx.Embed(11, 8, rngs=rngs)
            self.fc = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc(self.token(X).mean(1))

    class Mended(Mistaken):
        def __call__(self, X):
            H = self.token(X) * 8**0.5
            return self.fc(H.mean(1))


class PaddingIndex(Mistake):
    """
    The embedding of the padding token is trained.

    With `padding_idx`, PyTorch does not train that row. NNX has no such argument.
    """

    data = TOKENS

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.fc = nn.Embedding(11, 8, padding_idx=0), nn.Linear(8, 3)

        def forward(self, X):
            return self.fc(self.token(X).mean(1))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.token = nnx.Embed(11, 8, rngs=rngs)
            self.fc = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc(self.token(X).mean(1))

    class Mended(Mistaken):
        def __call__(self, X):
            H = self.token(X)
            H = jnp.where(X[..., None] == 0, jax.lax.stop_gradient(H), H)
            return self.fc(H.mean(1))


class UntiedHead(Mistake):
    """
    A head that is not tied to the embedding.

    The JAX model has one matrix too many. `attend` multiplies by the embedding itself.
    """

    data = minibatches(6, 5, tokens=11, classes=11)

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.head = nn.Embedding(11, 8), nn.Linear(8, 11, bias=False)
            self.head.weight = self.token.weight

        def forward(self, X):
            return self.head(torch.tanh(self.token(X)))[:, -1]

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.token = nnx.Embed(11, 8, rngs=rngs)
            self.output = nnx.Linear(8, 11, use_bias=False, rngs=rngs)

        def __call__(self, X):
            return self.output(nnx.tanh(self.token(X)))[:, -1]

    class Mended(nnx.Module):
        def __init__(self, rngs):
            self.token = nnx.Embed(11, 8, rngs=rngs)

        def __call__(self, X):
            return self.token.attend(nnx.tanh(self.token(X)))[:, -1]
