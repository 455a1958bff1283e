"""One file in the making: what the passes hand on from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import onnx_ir as ir

from rnnedge_export.capture import Captured, Example
from rnnedge_export.options import ExportOptions
from rnnedge_export.oracle import Oracle
from rnnedge_export.precision import Narrowed
from rnnedge_export.recordings import Recording
from rnnedge_export.reference import Reference
from rnnedge_export.streaming import Streaming
from rnnedge_runtime.contract import Contract, Tap
from rnnedge_runtime.model import Model

Say = Callable[[str], None]


@dataclass(eq=False)
class Work:
    """Created by `ExportSession.candidate`, lives until the last pass.

    `name`: how messages call the file. `graph` is the latest one: offline, then streaming, then in its form. The fields
    after `taps` are made by the passes, and do not exist before.
    """

    options: ExportOptions
    name: str
    source: Oracle
    example: Example
    captured: Captured
    provenance: Mapping[str, str]
    say: Say
    graph: ir.Model = field(init=False)
    taps: tuple[Tap, ...] = ()
    form: str = field(init=False)
    streaming: Streaming = field(init=False)
    recurrences: tuple[str, ...] = field(init=False)
    """Names of the native nodes that carry a state along time."""
    contract: Contract = field(init=False)
    reference: Reference = field(init=False)
    recordings: Sequence[Recording] = field(init=False)
    samples: Sequence[Recording] = field(init=False)
    data: bytes = field(init=False)
    """The file itself."""
    model: Model = field(init=False)
    """`data`, loaded."""
    float32: Model = field(init=False)
    """The file before it was narrowed."""
    float32_data: bytes = field(init=False)
    """The same, as bytes."""
    narrow: Narrowed | None = None

    def __post_init__(self) -> None:
        """The first graph is the captured one."""
        self.graph = self.captured.model
