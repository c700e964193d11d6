# %% [markdown]
"""
# Port a small language model like GPT from PyTorch to Flax, and prove it (a tool, not a section)

The first port has three mistakes. Each report names the first of them; the next port mends it. At
the end the weights go from PyTorch to Flax, into a file, and back.
"""

# %% [markdown]
# The options are read first, before the frameworks are imported.

# %%
from ports import find_mistakes, finish, gpus_of, prove, start_tool

args = start_tool(__doc__, epochs=2)

# %%
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
import torch
from flax import nnx
from jax import numpy as jnp
from options import OUTPUT
from torch import nn
from torch.nn import functional as F

import d2l_jax
import d2l_torch
from d2l_parity import Report, compare

# %%
TEXT = (
    "The Time Traveller (for so it will be convenient to speak of him) was expounding a recondite "
    "matter to us. His pale grey eyes shone and twinkled, and his usually pale face was flushed "
    "and animated. The fire burned brightly, and the soft radiance of the incandescent lights in "
    "the lilies of silver caught the bubbles that flashed and passed in our glasses."
)
VOCABULARY = sorted(set(TEXT))
NUM_STEPS, NUM_HIDDENS, NUM_HEADS, NUM_BLOCKS = 16, 32, 2, 2

# %% [markdown]
# ## The original in PyTorch


# %%
class TorchAttention(nn.Module):
    """Causal self-attention with queries, keys and values in one matrix."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(NUM_HIDDENS, 3 * NUM_HIDDENS)
        self.out = nn.Linear(NUM_HIDDENS, NUM_HIDDENS)

    def forward(self, X):
        """Return the outputs `(n, num_steps, num_hiddens)`."""
        heads = self.qkv(X).unflatten(2, (3, NUM_HEADS, -1))
        Q, K, V = heads.permute(2, 0, 3, 1, 4)
        Y = F.scaled_dot_product_attention(Q, K, V, is_causal=True)
        return self.out(Y.transpose(1, 2).flatten(2))


class TorchBlock(nn.Module):
    """Attention and a perceptron, each behind a normalization and beside a residual connection."""

    def __init__(self):
        super().__init__()
        self.ln1, self.attention = nn.LayerNorm(NUM_HIDDENS), TorchAttention()
        self.ln2 = nn.LayerNorm(NUM_HIDDENS)
        self.fc1 = nn.Linear(NUM_HIDDENS, 4 * NUM_HIDDENS)
        self.fc2 = nn.Linear(4 * NUM_HIDDENS, NUM_HIDDENS)

    def forward(self, X):
        """Return the outputs `(n, num_steps, num_hiddens)`."""
        X = X + self.attention(self.ln1(X))
        return X + self.fc2(F.gelu(self.fc1(self.ln2(X))))


class TorchGPT(nn.Module):
    """The original model in PyTorch; its head has the weights of the token embedding."""

    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(len(VOCABULARY), NUM_HIDDENS)
        self.position = nn.Embedding(NUM_STEPS, NUM_HIDDENS)
        self.blocks = nn.ModuleList(TorchBlock() for _ in range(NUM_BLOCKS))
        self.ln = nn.LayerNorm(NUM_HIDDENS)
        self.head = nn.Linear(NUM_HIDDENS, len(VOCABULARY), bias=False)
        nn.init.normal_(self.token.weight, std=0.02)
        self.head.weight = self.token.weight

    def forward(self, X):
        """Return the logits `(n, num_steps, len(VOCABULARY))` of tokens `(n, num_steps)`."""
        H = self.token(X) + self.position(torch.arange(X.shape[1]))
        for block in self.blocks:
            H = block(H)
        return self.head(self.ln(H))


# %% [markdown]
# ## The port to Flax


# %%
class Settings(NamedTuple):
    """Settings in which the ports differ; the defaults are those of the first one."""

    epsilon: float = 1e-6
    approximate: bool = True
    weight_decay: float = 1e-4


class FlaxAttention(nnx.Module):
    """The port of `TorchAttention`."""

    def __init__(self, rngs):
        self.qkv = nnx.Linear(NUM_HIDDENS, 3 * NUM_HIDDENS, rngs=rngs)
        self.out = nnx.Linear(NUM_HIDDENS, NUM_HIDDENS, rngs=rngs)

    def __call__(self, X):
        """Return the outputs `(n, num_steps, num_hiddens)`."""
        n, num_steps, _ = X.shape
        heads = self.qkv(X).reshape(n, num_steps, 3, NUM_HEADS, -1)
        Q, K, V = heads.transpose(2, 0, 3, 1, 4)
        scores = Q @ K.swapaxes(2, 3) / Q.shape[-1] ** 0.5
        past = jnp.tril(jnp.ones((num_steps, num_steps), bool))
        Y = nnx.softmax(jnp.where(past, scores, -jnp.inf)) @ V
        return self.out(Y.swapaxes(1, 2).reshape(X.shape))


class FlaxBlock(nnx.Module):
    """The port of `TorchBlock`."""

    def __init__(self, settings, rngs):
        self.ln1 = nnx.LayerNorm(NUM_HIDDENS, epsilon=settings.epsilon, rngs=rngs)
        self.attention = FlaxAttention(rngs)
        self.ln2 = nnx.LayerNorm(NUM_HIDDENS, epsilon=settings.epsilon, rngs=rngs)
        self.fc1 = nnx.Linear(NUM_HIDDENS, 4 * NUM_HIDDENS, rngs=rngs)
        self.fc2 = nnx.Linear(4 * NUM_HIDDENS, NUM_HIDDENS, rngs=rngs)
        self.approximate = settings.approximate

    def __call__(self, X):
        """Return the outputs `(n, num_steps, num_hiddens)`."""
        X = X + self.attention(self.ln1(X))
        return X + self.fc2(nnx.gelu(self.fc1(self.ln2(X)), approximate=self.approximate))


class FlaxGPT(nnx.Module):
    """The port of `TorchGPT`, with the same names; `attend` is the tied head."""

    def __init__(self, settings, rngs):
        self.token = nnx.Embed(len(VOCABULARY), NUM_HIDDENS, rngs=rngs)
        self.position = nnx.Embed(NUM_STEPS, NUM_HIDDENS, rngs=rngs)
        self.blocks = nnx.List(FlaxBlock(settings, rngs) for _ in range(NUM_BLOCKS))
        self.ln = nnx.LayerNorm(NUM_HIDDENS, epsilon=settings.epsilon, rngs=rngs)

    def __call__(self, X):
        """Return the logits `(n, num_steps, len(VOCABULARY))` of tokens `(n, num_steps)`."""
        H = self.token(X) + self.position(jnp.arange(X.shape[1]))
        for block in self.blocks:
            H = block(H)
        return self.token.attend(self.ln(H))


# The ports in the order in which they were written.
PORTS = {
    "The first port": Settings(),
    "LayerNorm with eps 1e-5": Settings(epsilon=1e-5),
    "Exact GELU": Settings(epsilon=1e-5, approximate=False),
    "Weight decay 1e-2": Settings(epsilon=1e-5, approximate=False, weight_decay=1e-2),
}


# %% [markdown]
# ## The proof
#
# Both models get the same weights and train on the same minibatches.


# %%
def text(num_batches: int = 4, batch_size: int = 8) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return minibatches of tokens and of the tokens that follow, both `(n, num_steps)`."""
    tokens = np.array([VOCABULARY.index(character) for character in TEXT], np.int32)
    starts = np.random.default_rng(0).integers(0, len(tokens) - NUM_STEPS, num_batches * batch_size)
    windows = np.stack([tokens[start : start + NUM_STEPS + 1] for start in starts])
    return [(w[:, :-1], w[:, 1:]) for w in np.split(windows, num_batches)]


def jax_loss(logits: Any, y: Any) -> Any:
    """Return the mean loss over all tokens."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def torch_loss(logits: Any, y: Any) -> Any:
    """Return the mean loss over all tokens."""
    return F.cross_entropy(logits.flatten(0, 1), y.flatten().long())


def compare_port(title: str, epochs: int, **options: Any) -> Report:
    """Compare a port with the original, trained by AdamW."""
    torch.manual_seed(args.seed)
    settings = PORTS[title]
    return compare(
        FlaxGPT(settings, nnx.Rngs(args.seed)),
        TorchGPT(),
        text(),
        loss=(jax_loss, torch_loss),
        optimizer=(
            optax.adamw(1e-3, weight_decay=settings.weight_decay),
            lambda params: torch.optim.AdamW(params, lr=1e-3),
        ),
        epochs=epochs,
        name=title,
        num_gpus=gpus_of(args),
        **options,
    )


def weights_travel() -> bool:
    """Send weights from PyTorch to Flax and back through a file; return whether outputs agree."""
    original, restored = TorchGPT(), TorchGPT()
    port = FlaxGPT(list(PORTS.values())[-1], nnx.Rngs(args.seed))
    d2l_jax.import_weights(port, original.state_dict())
    path = OUTPUT / "gpt.safetensors"
    d2l_jax.save_weights(path, port)
    d2l_torch.load_weights(path, restored)
    X, _ = text(num_batches=1)[0]
    with torch.no_grad():
        before, after = (model(torch.tensor(X)).numpy() for model in (original, restored))
    gap = float(abs(before - np.asarray(jax.jit(port)(X))).max())
    print(f"weights: {path}; the outputs of PyTorch and Flax differ by {gap:.1e}")
    return bool((before == after).all()) and gap < 1e-5


# %% [markdown]
# The first ports, each with a mistake that the next one mends. The report names the first layer
# that is different.

# %%
*mistaken, proven = PORTS
found = find_mistakes(mistaken, compare_port)

# %% [markdown]
# The last port is the same.

# %%
same = prove("port_gpt", proven, args.epochs, compare_port)

# %% [markdown]
# Its weights go from PyTorch to Flax, into a file, and back to PyTorch.

# %%
finish(weights_travel() and same and found)
