"""What a file says of itself, next to what its own graph is: form, opset, batch, taps, and a sample to replay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx

from rnnedge_export.options import ExportOptions
from rnnedge_export.probes._selection import GATES, STATES
from rnnedge_export.verification.golden import FEWEST_FRAMES
from rnnedge_export.verification.report import Check
from rnnedge_runtime.checksum import check_seal
from rnnedge_runtime.contract import OPEN_FORMS, TIME, Contract
from rnnedge_runtime.model import Model

_NATIVE = ("RNN", "GRU", "LSTM")
# What carries no state in a form.
_LOOPS = {"native": (), "scan": _NATIVE}
_KINDS = {"gates": "gate", "state": "state"}


def check_graph(data: bytes, model: Model, options: ExportOptions) -> Check:
    """Of the bytes of a file and the same, loaded; what is wrong first is the check's place."""
    wrong = next(_wrong(data, model, options), None)
    detail = "form, opset, batch, taps and golden sample, as asked and as the graph is"
    return Check("graph", detail, 0.0 if wrong is None else np.inf, 0.0, place=wrong or "")


def _wrong(data: bytes, model: Model, options: ExportOptions) -> Iterator[str]:
    contract, digest = model.contract, check_seal(data, model.name)
    if digest != model.digest:
        yield f"expected the file {digest}, found {model.digest}"
    if contract.batch is not None:
        yield f"batch: the source takes any number of sequences, the file {contract.batch}"
    yield from _of_golden(contract, recorded=options.calibration is not None)
    if {tap.kind for tap in contract.taps} - {_KINDS[name] for name in options.taps}:
        yield f"taps: expected {', '.join(options.taps) or 'none'}, found {[tap.output for tap in contract.taps]}"
    yield from _of_taps(contract)
    proto = onnx.load_from_string(data)
    opset = next(one.version for one in proto.opset_import if one.domain == "")
    if contract.opset != opset:
        yield f"opset: the graph has {opset}, the contract {contract.opset}"
    yield from _of_form(proto.graph, contract, options)
    # For readers that do not compute them.
    fields = json.loads(next(one.value for one in proto.metadata_props if one.key == "rnnedge.contract"))
    for name, own in (("stride", str(contract.stride)), ("lookahead", contract.lookahead)):
        if fields[name] != own:
            yield f"{name}: expected that of the outputs, {own}, found {fields[name]}"


def _of_taps(contract: Contract) -> Iterator[str]:
    """Cell and kind are those that have such a value; a layer with a cell state is an LSTM."""
    states = {state.input for state in contract.states}
    for tap in contract.taps:
        known = GATES if tap.kind == "gate" else STATES
        # Those of a hand-written one have names of their own.
        if tap.value not in known.get(tap.cell, (tap.value,) if tap.kind == "state" else ()):
            yield f"tap {tap.output!r}: a {tap.cell} has no {tap.kind} {tap.value!r}"
        if tap.output != f"tap.{tap.layer}.{tap.value}":
            yield f"tap {tap.output!r}: said to be {tap.value!r} of {tap.layer!r}"
        if tap.cell not in ("LSTM", "Scan") and f"{tap.layer}.c" in states:
            yield f"tap {tap.output!r}: {tap.layer!r} has a cell state, and is said to be a {tap.cell}"


def _of_golden(contract: Contract, *, recorded: bool) -> Iterator[str]:
    """A sample that a device replays shows something of the network; `recorded`: it is a part of the user's own."""
    if contract.golden is None:
        yield "golden sample: expected one, found none"
        return
    inputs, fewest = contract.golden.inputs, max(FEWEST_FRAMES, 2 * contract.unit)
    frames = min(len(array) for array in inputs.values())
    if frames < fewest:
        yield f"golden sample: expected at least {fewest} frames, found {frames}"
    for name, array in inputs.items():
        if array.dtype.kind == "f" and not recorded and (array == array[:1]).all():
            yield f"golden sample: the frames of {name!r} are all the same"


def _of_form(graph: Any, contract: Contract, options: ExportOptions) -> Iterator[str]:
    """The form that was asked for, by the length of a call and by what carries a state."""
    if options.form not in (None, contract.form):
        yield f"form: expected {options.form}, found {contract.form}"
    fixed = contract.form not in OPEN_FORMS
    if fixed != (contract.chunk is not None) or (fixed and TIME in {d for p in contract.inputs for d in p.shape}):
        yield f"form: {contract.form}, and a call takes {contract.chunk or 'any number of'} frames"
    if contract.form == "unrolled" and options.chunk not in (None, contract.chunk):
        yield f"chunk: expected {options.chunk}, found {contract.chunk}"
    carried = {state.input for state in contract.states}
    loops = _LOOPS.get(contract.form, (*_NATIVE, "Scan", "Loop"))
    for node in graph.node:
        if node.op_type in loops and carried.intersection(node.input):
            yield f"form: {contract.form}, and {node.name!r} is a {node.op_type}"
