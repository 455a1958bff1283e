"""How long the conversion of the largest example network takes, and how much memory, in a fresh process.

Memory is the peak of the resident set beyond that of a process that has written the same network by
`torch.onnx.export`, which is torch's own.

Usage: python -m bench.conversion
"""

from __future__ import annotations

import resource
import tempfile
import warnings
from pathlib import Path
from time import perf_counter

import torch

import rnnedge
from examples.networks import NETWORKS


def main(name: str = "waveform-denoiser") -> None:
    """Let torch write the network, then convert it, and print what the second took."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        rnnedge.export(torch.nn.GRU(4, 4, batch_first=True), torch.zeros(1, 4, 4), Path(folder) / "warm.onnx")
        case = NETWORKS[name]
        module, example = case.build()
        size = sum(p.numel() * p.element_size() for p in module.parameters())
        torch.onnx.export(module, (example,), Path(folder) / "plain.onnx", dynamo=True, verbose=False)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        start = perf_counter()
        rnnedge.export(module, example, Path(folder) / "m.onnx", time_axis=case.time_axis)
        seconds = perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{name}: {size / 4e6:.2f} million parameters, {seconds:.1f} s   (wanted: under 10 s)")
    print(f"  {(peak - before) / size:.1f} times the model's size beyond torch's own   (wanted: under 4)")


if __name__ == "__main__":
    main()
