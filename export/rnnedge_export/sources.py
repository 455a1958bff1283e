"""A module or a file, captured, as a session of exports."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any

from torch import nn

from rnnedge_export.arguments import checked_axis, checked_module
from rnnedge_export.capture import (
    ModuleAdapter,
    arguments_of,
    as_arguments,
    as_python,
    as_sequences,
    capture,
    check_axes,
    check_kind,
    check_usable,
    checked_defaults,
    evaluation,
    integer_frames,
    read_example,
    restarted,
    tell_used,
    weights_digest,
    with_frames_first,
    with_lengths,
)
from rnnedge_export.capture.capture import capture as captured_anew
from rnnedge_export.capture.code_places import code_of
from rnnedge_export.defects import defects_told
from rnnedge_export.onnx_files import CONSTANTS, axes_note, note, open_offline
from rnnedge_export.report import packages
from rnnedge_export.session import ExportSession
from rnnedge_export.streaming.facts import NodeRefused
from rnnedge_export.torch_threads import worthwhile_threads
from rnnedge_export.verification import ModuleOracle, check_reading, check_repeats
from rnnedge_export.work import Say
from rnnedge_runtime.arguments import integer
from rnnedge_runtime.errors import ModelRefused

# Seconds of the processor.
_LONGEST_SECOND_CAPTURE = 2.5


@contextmanager
def of_module(
    module: nn.Module,
    example: object,
    *,
    opset: int = 20,
    batch_axis: int = 0,
    time_axis: int = 1,
    context: Mapping[str, object] | Iterable[str] = (),
    say: Say,
) -> Iterator[ExportSession]:
    """A PyTorch module, in evaluation mode meanwhile; arguments as for `rnnedge_export.export`."""
    batch_axis, time_axis = checked_axis(batch_axis, "batch_axis"), checked_axis(time_axis, "time_axis")
    opset = integer(opset, "opset", error=ModelRefused)
    module = as_python(checked_module(module))
    check_usable(module)
    check_kind(example)
    module, example = as_arguments(module, example, batch_axis, time_axis)
    module, example = with_frames_first(module, example, time_axis)
    example = with_lengths(example, module, batch_axis, time_axis)
    with (
        defects_told(type(module).__name__), evaluation(module), worthwhile_threads(module),
        integer_frames(module, example, batch_axis, time_axis) as example,
    ):  # fmt: skip
        digest = weights_digest(module)
        source_module, own = module, example
        module, example = as_sequences(module, example, batch_axis, time_axis)
        with restarted(module, arguments_of(example, module), batch_axis) as kept:
            if kept.used:
                tell_used(type(module).__name__, kept.used)
            given = read_example(example, batch_axis, time_axis, module, context)
            check_axes(module, given)
            source = ModuleAdapter(module, given)
            say("capture")
            began = process_time()
            captured = capture(source, given, opset)
            took = process_time() - began
            provenance = {"module": type(module).__qualname__, "weights_sha256": digest, **packages()}
            provenance |= {"starts_from": ", ".join(kept.paths)} if kept.paths else {}
            defaults = {name: value for name, value in checked_defaults(context).items() if value is not None}
            oracle = ModuleOracle(module, example, given, defaults)
            check_repeats(module, oracle, given)
            # Not before: what does not repeat itself, or takes no other lengths, is refused with a reason of its own.
            check_reading(source_module, own, module, example, given)
            with _line_told(lambda: captured_anew(source, given, opset), took):
                yield ExportSession(oracle, given, captured, provenance, module, defaults)


@contextmanager
def _line_told(anew: Callable[[], object], took: float) -> Iterator[None]:
    """What refuses a node says its line of the module's code too, where another capture takes no longer than seconds.

    `took`: seconds of the processor that the first one took.
    """
    try:
        yield
    except NodeRefused as error:
        code = code_of(error.node, anew) if took < _LONGEST_SECOND_CAPTURE else None
        raise ModelRefused(f"{error}, in {code}" if code else str(error)) from error


@contextmanager
def of_file(
    offline: str | Path,
    *,
    opset: int = 20,
    batch_axis: int | None = None,
    time_axis: str | int = 1,
    constants: Mapping[str, Any] | None = None,
    context: Mapping[str, object] | Iterable[str] = (),
    trust: str | None = None,
    say: Say,
) -> Iterator[ExportSession]:
    """An ONNX file for whole sequences; arguments as for `rnnedge_export.convert`."""
    opset = integer(opset, "opset", error=ModelRefused)
    with defects_told(Path(offline).name):
        say("read")
        given = constants or {}
        contexts = checked_defaults(context)
        source = open_offline(offline, time_axis, batch_axis, trust, opset, given, contexts)
        say("capture")
        captured = source.capture()
        provenance = {"source": Path(offline).name, "source_sha256": source.digest, **packages()}
        provenance |= {CONSTANTS: note(given)} if given else {}
        provenance |= axes_note(time_axis, batch_axis)
        with _line_told(lambda: None, math.inf):
            defaults = [name for name, value in contexts.items() if value is not None]
            yield ExportSession(source, source.example(), captured, provenance, defaults=defaults)
