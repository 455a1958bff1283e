"""A source that was captured once, and the files that are made of it: each is a candidate until it is proven."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import onnx_ir as ir
from torch import nn

from rnnedge_export.capture import Captured, Example
from rnnedge_export.options import REMEDY, ExportOptions
from rnnedge_export.oracle import Oracle
from rnnedge_export.pipeline import run_passes
from rnnedge_export.precision import Narrowed, Shrunk, check_covered, gate, signals_of
from rnnedge_export.promised import promises_of
from rnnedge_export.recordings import Recording
from rnnedge_export.reference import Reference
from rnnedge_export.stamp import stamp
from rnnedge_export.streaming import Streaming
from rnnedge_export.verification import (
    Check,
    Effort,
    FirstDifference,
    Promises,
    Verification,
    check_against,
    check_fewer_bits,
    check_graph,
    check_layers,
    check_loud_frames,
    other_contexts,
    require,
    timed,
)
from rnnedge_export.work import Say, Work
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.model import Model

__all__ = ["Candidate", "ExportOptions", "ExportSession"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A file in memory that nobody has proven.

    `data` is the file, `model` the same, loaded, `float32` the file before it was narrowed, `float32_data` its bytes.
    `module` is the source, if it is one. `look` names the first node whose value differs from the source's.
    """

    options: ExportOptions
    streaming: Streaming
    graph: ir.Model
    data: bytes
    model: Model
    float32: Model
    reference: Reference
    trial: Sequence[Recording]
    samples: Sequence[Recording]
    narrow: Narrowed | None
    float32_data: bytes
    promises: Promises
    look: FirstDifference
    module: nn.Module | None = None

    @property
    def contract(self) -> Contract:
        """What the file promises."""
        return self.model.contract

    def stamped(self, notes: Mapping[str, str] | None = None) -> bytes:
        """The file, with `notes` added to its provenance."""
        if not notes:
            return self.data
        provenance = {**self.contract.provenance, **notes}
        return stamp(self.graph.clone(), replace(self.contract, provenance=provenance))

    def prove(self, say: Say, *, float32_proven: bool = False) -> tuple[Verification, Shrunk | None]:
        """Check it against its source, and if it is narrow against float32 too.

        Raises `VerificationError` with the numbers of what failed. `float32_proven`: the float32 file was before.
        """
        name, effort = self.model.name, self.options.effort
        # The bytes that are written, whatever was loaded before.
        model, verification = load_bytes(self.data, name, trust="local"), None
        promised = (self.promises.check(model.contract), check_graph(self.data, model, self.options))
        require(Verification(promised), name)
        if self.narrow is None or not float32_proven:
            say("verify")
            float32 = model if self.narrow is None else load_bytes(self.float32_data, name, trust="local")
            float32_look = self.look.of_file(self.float32_data, float32.contract)
            verification = check_against(float32, self.reference, say, effort, float32_look, self.samples)
            if self.module is not None:
                data = self.data if self.narrow is None else self.float32_data
                layers = check_layers(data, float32, self.module, self.reference)
                verification = replace(verification, checks=(*verification.checks, *layers))
            require(verification, name)
        if self.narrow is None:
            assert verification is not None
            return replace(verification, checks=(*promised, *verification.checks)), None
        asked = self.options.numbers
        said = {change.layer: change.precision for change in self.narrow.changes}
        stored = partial(check_fewer_bits, self.float32_data, self.data, asked, self.narrow.weights, said)
        loud = partial(check_loud_frames, model, self.float32, self.reference)
        bits = timed(stored), timed(partial(self._covered, self.narrow)), timed(loud)
        require(Verification(bits), name)
        narrow = replace(self.narrow, data=self.data, model=model)
        look = partial(self.look.of_recording, self.reference)
        shrunk = gate(narrow, self.float32, asked, self.trial, say, look)
        verification = check_against(model, self.reference, say, effort, self.look, self.samples)
        require(verification, name, REMEDY)
        return replace(verification, checks=(*promised, *bits, *verification.checks)), shrunk

    def _covered(self, narrow: Narrowed) -> Check:
        """On the recordings that ranges were taken from, or on every signal where the graph proved them."""
        effort, unit = self.options.effort or Effort(), self.contract.unit
        calibrated = self.options.calibration is not None
        recordings = self.trial if calibrated else signals_of(self.reference, effort.signals, unit)
        others = other_contexts(self.float32, self.reference)
        return check_covered(self.float32_data, narrow.graph, self.contract, recordings, others, calibrated=calibrated)


class ExportSession:
    """A source that was captured once; every candidate is made from what was captured."""

    def __init__(
        self,
        source: Oracle,
        example: Example,
        captured: Captured,
        provenance: Mapping[str, str],
        module: nn.Module | None = None,
        defaults: Collection[str] = (),
    ) -> None:
        """Made by `of_module` and `of_file`; `module` is what the source is made of, if it is one.

        `defaults`: contexts that the caller gave one for.
        """
        self._source, self._example, self._captured, self.provenance = source, example, captured, provenance
        self._module, self._defaults = module, defaults

    def candidate(
        self,
        options: ExportOptions,
        name: str,
        say: Say = lambda _: None,
        notes: Mapping[str, str] | None = None,
    ) -> Candidate:
        """Write a file as asked; `name` is how messages call it, `notes` are added to its provenance.

        Raises `ModelRefused` if the network cannot be streamed, or written so.
        """
        provenance = {**self.provenance, **(notes or {})}
        work = Work(options, name, self._source, self._example, self._captured, provenance, say)
        run_passes(work)
        return Candidate(
            work.options,
            work.streaming,
            work.graph,
            work.data,
            work.model,
            work.float32,
            work.reference,
            work.recordings,
            work.samples,
            work.narrow,
            work.float32_data,
            promises_of(work, provenance, self._defaults),
            FirstDifference(lambda: work.captured, lambda: work.data, work.contract, self._module),
            self._module,
        )
