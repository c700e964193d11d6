"""The folders that tests read from."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# 600 real images of Fashion-MNIST, beside the checkout. Tests that need them are skipped without.
SAMPLE = ROOT.parent / "shared/data/fashion-mnist-sample"
