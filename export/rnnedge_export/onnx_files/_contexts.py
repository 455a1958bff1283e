"""Values per sequence that a file for whole sequences takes."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
import torch

from rnnedge_export.capture import is_read, with_default
from rnnedge_export.capture.example import Extra
from rnnedge_export.onnx_files._ports import FramePort
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused


def extra_of(port: FramePort, usual: Array, default: object) -> Extra:
    """What a stream is given for the input; `usual`: values of one sequence.

    Raises `ModelRefused` for a default of another shape.
    """
    return with_default(Extra(port.name, torch.from_numpy(usual), port.batch_axis), default)


def check_read(values: Sequence[ir.Value], name: str) -> None:
    """Raise `ModelRefused` for a context of the file `name` that no result depends on."""
    unread = next((value for value in values if not is_read(value)), None)
    if unread is not None:
        raise ModelRefused(
            f"{name}: {unread.name!r}: nothing reads it, so a stream could not be given another; give it a value with "
            f"--constant {unread.name}=0, or use 'rnnedge adopt' if it is a state"
        )
