"""Optimizations of onnxruntime that are left out wherever a session is made, because they end the process."""

from __future__ import annotations

from typing import Any

# Of 1.32: moves a Transpose through Cast, ReduceMean and Sub over double into a MatMul, and reads a node that is gone.
BROKEN = ("MatmulTransposeFusion",)
# Runs nodes while the file is opened, outside the arena: 200 bytes of file took 1.6 GB.
FOLDING = "ConstantFolding"
# Where weights are not folded, it fails over float16 weights that the body of a Scan reads.
HALVES = "FuseFp16InitializerToFp32NodeTransformer"


def leave_out(options: Any, *more: str) -> None:
    """Tell `options` (`onnxruntime.SessionOptions`) to leave out what is broken, and `more`; once for each options."""
    options.add_session_config_entry("optimization.disable_specified_optimizers", ";".join((*BROKEN, *more)))
