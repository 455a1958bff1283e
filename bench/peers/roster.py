"""Who takes part, and where each is found; nothing here is imported before a contender's own process needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rnnedge_runtime.contract import FORMS

OURS = "rnnedge"
BARE = "onnxruntime, bare pre-bound"
PLAIN = "onnxruntime, session.run"
EAGER, EAGER_CELL = "PyTorch, eager layer", "PyTorch, eager cell"
TORCHSCRIPT, COMPILED = "TorchScript, frozen cell", "torch.compile, cell"
OPENVINO, OPENVINO_DEFAULT = "OpenVINO, f32", "OpenVINO, its default"
EXECUTORCH, TRACT, NUMPY = "ExecuTorch, XNNPACK", "tract", "numpy by hand"
LITERT, LITERT_VARIABLES = "LiteRT, XNNPACK", "LiteRT, XNNPACK, variables"
DEFAULT = "its own choice"

# How far 50 outputs of magnitude below 1 may be from PyTorch's; a contender beyond that computes something else.
TOLERANCES = {"float32": 1e-5, "float16": 1e-2, "bf16": 1e-2, DEFAULT: 5e-2, "int8": 5e-2, "int4": 0.25}


@dataclass(frozen=True)
class Source:
    """A file that contenders share: `module.write(problem, path, **options)` makes it in a process with torch."""

    name: str
    module: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    """One row of the table. `load` is "module:function" below `bench.peers.backends`."""

    name: str
    load: str
    precision: str = "float32"
    source: Source | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Whether it is a way of rnnedge's."""
        return self.name.startswith(OURS)


def roster() -> list[Contender]:
    """Ours first, as every table has them."""
    return [*_ours(), *_peers()]


def _ours() -> Iterator[Contender]:
    # The exporter brings torch along, which a contender's process is to be without.
    from rnnedge_export.options import PRECISIONS

    for precision in PRECISIONS:
        # onnxruntime widens bfloat16 while it loads: one form shows that it then costs what float32 does.
        for form in ("native",) if precision == "bf16" else FORMS:
            source = Source(f"{form}-{precision}.onnx", "ours", {"form": form, "precision": precision})
            name = f"{form} {precision}".removesuffix(" float32")
            yield Contender(f"{OURS} push, {name}", "ours:push", precision, source)
            if form in ("native", "step"):
                yield Contender(f"{OURS} step in place, {name}", "ours:in_place", precision, source)


def _peers() -> Iterator[Contender]:
    plain, bare = Source("plain.onnx", "plain_onnx"), Source("bare.onnx", "bare_onnx")
    yield Contender(BARE, "bare_onnx:load", source=bare)
    yield Contender(PLAIN, "plain_onnx:load", source=plain)
    yield Contender(EAGER, "pytorch:module_eager")
    yield Contender(EAGER_CELL, "pytorch:cell_eager")
    yield Contender(TORCHSCRIPT, "pytorch:cell_torchscript")
    yield Contender(COMPILED, "pytorch:cell_compiled")
    yield Contender(OPENVINO, "open_vino:load", source=plain, options={"precision": "f32"})
    yield Contender(OPENVINO_DEFAULT, "open_vino:load", DEFAULT, plain)
    yield Contender(EXECUTORCH, "exec_torch:load", source=Source("cell.pte", "exec_torch"))
    for name, states in ((LITERT, "ports"), (LITERT_VARIABLES, "variables")):
        yield Contender(name, "lite_rt:load", source=Source(f"{states}.tflite", "lite_rt", {"states": states}))
    yield Contender(TRACT, "sonos_tract:load", source=plain)
    yield Contender(NUMPY, "by_hand:load")
