"""The public `verify`: a file that exists against the source that it came from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from rnnedge_export.arguments import checked_axis, checked_progress, checked_time_axis
from rnnedge_export.capture import (
    Captured,
    Example,
    ModuleAdapter,
    arguments_of,
    as_arguments,
    as_python,
    as_sequences,
    capture,
    check_kind,
    check_usable,
    evaluation,
    integer_frames,
    read_example,
    restarted,
    weights_digest,
    with_frames_first,
    with_lengths,
)
from rnnedge_export.defects import defects_told
from rnnedge_export.effort import Effort
from rnnedge_export.graph.lengths import ANY_LENGTH, Lengths
from rnnedge_export.onnx_files import noted, noted_axes, open_offline
from rnnedge_export.onnx_files._adoption import Calling, calling_of, example_of, open_stateful
from rnnedge_export.onnx_files.read_file import read_file
from rnnedge_export.onnx_files.time_axis import TimeAxis
from rnnedge_export.probes import with_taps
from rnnedge_export.recordings import Recording, read_recordings
from rnnedge_export.reference import Reference
from rnnedge_export.torch_threads import worthwhile_threads
from rnnedge_export.verification.first_difference import FirstDifference
from rnnedge_export.verification.module_oracle import ModuleOracle
from rnnedge_export.verification.proof import Look, check_against
from rnnedge_export.verification.repeats import check_repeats
from rnnedge_export.verification.report import Verification
from rnnedge_runtime.arguments import file_path, instance, shown
from rnnedge_runtime.context import initial_contexts
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.loader import load
from rnnedge_runtime.model import Model

_OTHER_WEIGHTS = "its weights are not those that the file was made of: were they trained, loaded or drawn again since?"


def verify(
    path: str | os.PathLike[str],
    source: nn.Module | str | os.PathLike[str],
    *,
    example: object = None,
    batch_axis: int | None = None,
    time_axis: str | int = 1,
    progress: Callable[[str], None] | None = None,
    trust: str | None = None,
    key: str | os.PathLike[str] | None = None,
    signed_as: str | None = None,
    release: int = 0,
    effort: Effort | None = None,
    sample: object = None,
) -> Verification:
    """Check the file at `path` against `source`: the module, or the ONNX file that it came from.

    A file that was adopted is compared with its source called in a loop, as `adopt` was told; its contract knows how.

    `example` and the axes are those of `export` or `convert`; without an example the file's golden input serves.
    `trust`, `key`, `signed_as` and `release` are those of `load`. `effort`: how hard it is proven.
    `sample`: recordings of your own that it is proven on, too, as for `export`.
    Returns every check, passed or not. Raises `ModelRefused` where the file cannot be loaded, or the source does not
    take the file's input.
    """
    progress = checked_progress(progress)
    effort = Effort() if effort is None else instance(effort, "effort", Effort, ModelRefused)
    if not isinstance(source, (nn.Module, str, os.PathLike)):
        raise ModelRefused(f"verify: source: expected a torch.nn.Module or the path of a file, found {shown(source)}")
    model = load(path, trust=trust, key=key, signed_as=signed_as, release=release).with_context()
    # The proof itself has frames of every scale.
    model.loaded.tells_scale = False
    samples = [] if sample is None else read_recordings(sample, model.contract, "sample")
    lengths = Lengths(model.contract.least, model.contract.grain)
    if not isinstance(source, nn.Module):
        calling = calling_of(model.contract)
        if calling is not None:
            name = file_path(source, "verify: source")
            return _against(model, _adopted(name, calling, model.contract, trust), progress, effort, None, samples)
        offline = open_offline(
            file_path(source, "verify: source"),
            *noted_axes(model.contract, time_axis, batch_axis),
            trust,
            model.contract.opset,
            noted(model.contract),
            {state.input: None for state in model.contract.contexts},
        )
        rows = initial_contexts(model.contract)
        offline = offline.with_context({name: torch.from_numpy(row) for name, row in rows.items()})
        tapped = with_taps(offline, model.contract, offline.capture)
        reference = Reference(tapped, offline.example(), lengths, model.contract.unit, _recordings(model.contract))
        return _against(model, reference, progress, effort, _look(path, model, offline.capture), samples)
    axes = checked_axis(0 if batch_axis is None else batch_axis, "batch_axis"), _axis_of(time_axis)
    example = _golden_example(model, *axes) if example is None else example
    source = as_python(source)
    check_usable(source)
    check_kind(example)
    source, example = as_arguments(source, example, *axes)
    source, example = with_frames_first(source, example, axes[1])
    example = with_lengths(example, source, *axes)
    with (
        defects_told(type(source).__name__), evaluation(source), worthwhile_threads(source),
        integer_frames(source, example, *axes) as example,
    ):  # fmt: skip
        source, example = as_sequences(source, example, *axes)
        with restarted(source, arguments_of(example, source), axes[0]):
            given = _read(example, axes, source, model.contract)
            oracle = ModuleOracle(source, example, given, initial_contexts(model.contract))
            check_repeats(source, oracle, given)
            again = partial(capture, ModuleAdapter(source, given), given)
            tapped = with_taps(oracle, model.contract, again)
            reference = Reference(tapped, given, lengths, model.contract.unit, _recordings(model.contract))
            found = _against(model, reference, progress, effort, _look(path, model, again, source), samples)
            return replace(found, remark=_remark(source, model.contract))


def _remark(source: nn.Module, contract: Contract) -> str:
    exported = contract.provenance.get("weights_sha256")
    return "" if exported in (None, weights_digest(source)) else _OTHER_WEIGHTS


def _adopted(name: str, calling: Calling, contract: Contract, trust: str | None) -> Reference:
    """The file with states of its own, called in a loop as it was when it was adopted."""
    with defects_told(name):
        source = open_stateful(name, read_file(name, trust)[1], calling)
        rows = initial_contexts(contract)
        source = source.with_context({name: torch.from_numpy(row) for name, row in rows.items()})
        return Reference(source, example_of(source, contract), ANY_LENGTH, contract.unit)


def _read(example: object, axes: tuple[int, int], module: nn.Module, contract: Contract) -> Example:
    """The example; what the file says is a context is no sequence and no length, whatever it looks like."""
    given = read_example(example, *axes, module)
    extras = {extra.name for extra in given.extras}
    contexts = [state.input for state in contract.contexts if state.input not in extras]
    return read_example(example, *axes, module, contexts) if contexts else given


def _axis_of(time_axis: str | int) -> int:
    return TimeAxis.parse(checked_time_axis(time_axis)).axis


def _recordings(contract: Contract) -> list[Mapping[str, Array]]:
    """A file whose activations were fitted to recordings is asked about such frames, of which it holds a few."""
    fitted = contract.provenance.get("activations", "").startswith("static")
    return [contract.golden.inputs] if fitted and contract.golden is not None else []


def _against(
    model: Model,
    reference: Reference,
    say: Callable[[str], None],
    effort: Effort,
    look: Look | None,
    samples: Sequence[Recording],
) -> Verification:
    _check_ports(model, reference)
    return check_against(model, reference, say, effort, look, samples)


def _look(
    path: str | os.PathLike[str],
    model: Model,
    capture: Callable[[int], Captured],
    module: nn.Module | None = None,
) -> Look:
    contract = model.contract
    return FirstDifference(partial(capture, contract.opset), Path(path).read_bytes, contract, module)


def _golden_example(model: Model, batch_axis: int, time_axis: int) -> object:
    golden = model.contract.golden
    if golden is None:
        raise ModelRefused(f"{model.name}: has no golden sample; give an example input to verify with")
    frames = [golden.inputs[port.name][None] for port in model.contract.inputs]
    tensors = [torch.from_numpy(np.moveaxis(f, (0, 1), (batch_axis, time_axis)).copy()) for f in frames]
    if not model.contract.contexts:
        return tuple(tensors)
    named = dict(zip((port.name for port in model.contract.inputs), tensors, strict=True))
    return named | {name: torch.from_numpy(rows) for name, rows in initial_contexts(model.contract).items()}


def _check_ports(model: Model, reference: Reference) -> None:
    promised = [port.name for port in model.contract.outputs]
    if promised != list(reference.names):
        raise ModelRefused(
            f"{model.name}: its outputs are {promised}, the source's are {list(reference.names)}; "
            "verify it against what it was exported from"
        )
