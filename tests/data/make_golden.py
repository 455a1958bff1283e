"""Writes golden_gru.onnx, which `make device` streams where PyTorch is not installed.

Usage: python tests/data/make_golden.py. Run it after a change of the file format; the file is committed.
"""

from __future__ import annotations

from pathlib import Path

import torch

import rnnedge
from rnnedge.nn import NetworkConfig, RecurrentNetwork


def main() -> None:
    """A tagger of two GRU layers with labels and a frame rate, and random weights."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("gru", 4, 8, 3, num_layers=2, layer_norm=True))
    target = Path(__file__).with_name("golden_gru.onnx")
    labels = ("noise", "speech", "music")
    rnnedge.export(network, torch.zeros(1, 4, 4), target, labels=labels, frame_rate_hz=100.0)


if __name__ == "__main__":
    main()
