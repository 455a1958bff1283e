"""A recording out of an ONNX file that was exported with taps: numpy and onnxruntime, as on the device."""

from __future__ import annotations

import os

import numpy as np

from rnnedge.explain._recording import Layer, Recording
from rnnedge.frames._columns import column_names
from rnnedge_runtime import Model, load
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.contract import Array, Tap
from rnnedge_runtime.errors import InputError, ModelRefused
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.scores import scores_of


@checked
def open_tapped(
    path: str | os.PathLike[str],
    trust: str | None = None,
    *,
    key: str | os.PathLike[str] | None = None,
    signed_as: str | None = None,
    release: int = 0,
) -> Model:
    """Load a file as `rnnedge.load` does; raises `ModelRefused` if it has no taps, too."""
    model = load(path, trust=trust, key=key, signed_as=signed_as, release=release).with_context()
    if not model.contract.taps:
        raise ModelRefused(
            f"{model.name}: shows no inner values; export it again with --taps gates,state, "
            "or explain the network that it was made from"
        )
    if len(model.contract.inputs) > 1:
        names = ", ".join(port.name for port in model.contract.inputs)
        raise ModelRefused(f"{model.name}: expected one input to explain, found {names}")
    return model


def record_file(model: Model, frames: Array) -> Recording:
    """Stream `frames` (time, ...) through a file with taps; raises `InputError` for none, or for what is not finite.

    Taps of a network that looks ahead, or has a stride, have a clock of their own: their frame 0 is the first that the
    recurrence sees.
    """
    if not len(frames):
        raise InputError(f"{model.name}: expected at least one frame to explain, found none")
    found = stream_all(model.stream(), frames)
    contract = model.contract
    layers: dict[tuple[str, str], list[Tap]] = {}
    for tap in contract.taps:
        layers.setdefault((tap.layer, tap.cell), []).append(tap)
    return Recording(
        source=model.name,
        scores=scores_of(contract),
        frames=frames.reshape(len(frames), -1),
        outputs={port.name: _flat(found[port.name]) for port in contract.results},
        layers=tuple(
            Layer(
                name,
                cell,
                {tap.value: _flat(found[tap.output]) for tap in taps if tap.kind == "state"},
                {tap.value: _flat(found[tap.output]) for tap in taps if tap.kind == "gate"},
            )
            for (name, cell), taps in layers.items()
        ),
        labels=contract.labels,
        frame_rate_hz=contract.frame_rate_hz,
        features=column_names(contract.provenance, frames[0].size),
    )


def _flat(array: Array) -> Array:
    return np.ascontiguousarray(array.reshape(len(array), -1))
