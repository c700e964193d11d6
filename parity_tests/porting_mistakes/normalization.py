"""Mistakes in normalizations and dropout."""

import torch
from flax import nnx
from torch import nn

from parity_tests.porting_mistakes.entry import SEQUENCES, Mistake


class LayerNormEps(Mistake):
    """
    The eps of a layer normalization.

    LayerNorm and GroupNorm add 1e-5 to the variance in PyTorch and 1e-6 in NNX. BatchNorm adds 1e-5
    on both.
    """

    def original():
        return nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.Linear(16, 3))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.fc1, self.fc2 = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 3, rngs=rngs)
            self.norm = nnx.LayerNorm(16, rngs=rngs)

        def __call__(self, X):
            return self.fc2(self.norm(self.fc1(X)))

    class Mended(Mistaken):
        def __init__(self, rngs):
            super().__init__(rngs)
            self.norm = nnx.LayerNorm(16, epsilon=1e-5, rngs=rngs)


class RmsNormEps(Mistake):
    """
    The eps of a root-mean-square normalization.

    Most models write it out. `nnx.RMSNorm` adds 1e-6; `nn.RMSNorm` adds the machine epsilon of the
    dtype if no `eps` is given.
    """

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.fc = nn.Parameter(torch.ones(8)), nn.Linear(8, 3)

        def forward(self, X):
            size = torch.rsqrt(X.pow(2).mean(-1, keepdim=True) + 1e-5)
            return self.fc(X * size * self.weight)

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.norm = nnx.RMSNorm(8, rngs=rngs)
            self.fc = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc(self.norm(X))

    class Mended(Mistaken):
        def __init__(self, rngs):
            super().__init__(rngs)
            self.norm = nnx.RMSNorm(8, epsilon=1e-5, rngs=rngs)


class BiasedVariance(Mistake):
    """
    The running variance of batch normalization.

    Both normalize by the variance that divides by `n`. PyTorch's running variance divides by
    `n - 1`, NNX's by `n`, so the models differ in evaluation mode.
    """

    def original():
        return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.fc1, self.fc2 = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 3, rngs=rngs)
            self.norm = nnx.BatchNorm(16, momentum=0.9, rngs=rngs)

        def __call__(self, X):
            return self.fc2(nnx.relu(self.norm(self.fc1(X))))

    class TorchBatchNorm(nnx.BatchNorm):
        def __call__(self, X, use_running_average=None):
            old = self.var[...]
            Y = super().__call__(X, use_running_average)
            if not (self.use_running_average or use_running_average):
                n, kept = X.size // X.shape[-1], self.momentum * old
                self.var[...] = kept + (self.var[...] - kept) * n / (n - 1)
            return Y

    class Mended(Mistaken):
        def __init__(self, rngs):
            super().__init__(rngs)
            self.norm = BiasedVariance.TorchBatchNorm(16, momentum=0.9, rngs=rngs)


class BatchNormMomentum(Mistake):
    """
    The momentum of batch normalization.

    In PyTorch it is the weight of the new average, in NNX that of the old one: 0.1 is 0.9. NNX's
    default, 0.99, is not PyTorch's. `TorchBatchNorm` is that of the entry above.
    """

    def original():
        return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))

    class Mistaken(nnx.Module):
        momentum = 0.99

        def __init__(self, rngs):
            self.fc1, self.fc2 = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 3, rngs=rngs)
            self.norm = BiasedVariance.TorchBatchNorm(16, momentum=self.momentum, rngs=rngs)

        def __call__(self, X):
            return self.fc2(nnx.relu(self.norm(self.fc1(X))))

    class Mended(Mistaken):
        momentum = 0.9


class EvaluationMode(Mistake):
    """
    Batch normalization that stays in evaluation mode.

    An argument of the layer counts more than `model.train()`, which the comparison calls.
    """

    def original():
        return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.fc1, self.fc2 = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 3, rngs=rngs)
            self.norm = BiasedVariance.TorchBatchNorm(16, momentum=0.9, rngs=rngs)

        def __call__(self, X):
            H = self.norm(self.fc1(X), use_running_average=True)
            return self.fc2(nnx.relu(H))

    class Mended(Mistaken):
        def __call__(self, X):
            return self.fc2(nnx.relu(self.norm(self.fc1(X))))


class KeepRate(Mistake):
    """
    The rate of dropout taken for the rate of keeping.

    Older libraries pass the share that is kept. In PyTorch and NNX it is the share that is dropped.
    The comparison gives both models the same masks.
    """

    def original():
        return nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.1), nn.Linear(16, 3))

    class Mistaken(nnx.Module):
        rate = 0.9

        def __init__(self, rngs):
            self.fc1, self.fc2 = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 3, rngs=rngs)
            self.dropout = nnx.Dropout(self.rate, rngs=rngs)

        def __call__(self, X):
            return self.fc2(self.dropout(self.fc1(X)))

    class Mended(Mistaken):
        rate = 0.1


class DropoutOfChannels(Mistake):
    """
    Dropout of single numbers in the place of channels.

    `nn.Dropout1d` drops a whole channel. In NNX, `broadcast_dims` names the axes that share their
    mask.
    """

    data = SEQUENCES

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout, self.fc = nn.Dropout1d(0.5), nn.Linear(8, 3)

        def forward(self, X):
            return self.fc(self.dropout(X.transpose(1, 2)).mean(2))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.dropout = nnx.Dropout(0.5, rngs=rngs)
            self.fc = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc(self.dropout(X).mean(1))

    class Mended(Mistaken):
        def __init__(self, rngs):
            super().__init__(rngs)
            self.dropout = nnx.Dropout(0.5, broadcast_dims=(1,), rngs=rngs)


class OwnDropout(Mistake):
    """
    Dropout by random numbers of your own.

    This is right, but cannot be compared: the masks of the frameworks differ. `nnx.Dropout` and
    `nn.Dropout` get the same ones.
    """

    verdict = "no verdict"

    def original():
        return nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.1), nn.Linear(16, 3))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.fc1, self.fc2 = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 3, rngs=rngs)
            self.rngs, self.deterministic = rngs, False

        def __call__(self, X):
            H = self.fc1(X)
            if not self.deterministic:
                H = H * self.rngs.dropout.bernoulli(0.9, H.shape) / 0.9
            return self.fc2(H)

    class Mended(Mistaken):
        def __init__(self, rngs):
            super().__init__(rngs)
            self.dropout = nnx.Dropout(0.1, rngs=rngs)

        def __call__(self, X):
            return self.fc2(self.dropout(self.fc1(X)))
