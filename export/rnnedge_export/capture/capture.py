"""nn.Module -> offline ONNX graph with native recurrences and symbolic batch and time.

1. `torch.export.export` is called directly, with named dims. torch.onnx's own fallback narrows a dynamic length
   without a word when the first attempt fails; torch.export raises, and that becomes a refusal.
2. Everything runs under `no_grad`: a nested scan cannot be exported otherwise.
3. Local functions are inlined and everything constant is folded, whatever its size.
4. Stack traces, source lines and other notes of the exporter are stripped; the module path of each node is kept in
   memory for messages (`places`).
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch
from onnx_ir.passes.common import ShapeInferencePass

from rnnedge_export.capture._extras import settle_extras
from rnnedge_export.capture._fake_tensors import quick_lengths
from rnnedge_export.capture._quiet import quiet, reason_of
from rnnedge_export.capture._recurrent_weights import name_recurrent_weights
from rnnedge_export.capture._tracing import trace
from rnnedge_export.capture.code_places import note
from rnnedge_export.capture.example import Example, Extra
from rnnedge_export.capture.kept_states import STEP
from rnnedge_export.capture.module_adapter import ModuleAdapter
from rnnedge_export.capture.shape_probing import measure_shapes
from rnnedge_export.graph.bounded import keep_within_bounds
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.graph.padding_modes import NEVER, REMEDY, reason_against
from rnnedge_export.graph.simplification import simplify
from rnnedge_export.graph.small_sigmoids import keep_small_values
from rnnedge_export.graph.symbolic_dims import as_number, size, without_extremes
from rnnedge_export.graph.truth_values import write_choices
from rnnedge_runtime.errors import ModelRefused

OPSETS = range(18, 23)
_SOLVERS = (
    "inverse", "cholesky", "linalg_solve", "linalg_inv", "linalg_cholesky", "linalg_eig", "linalg_svd", "linalg_qr",
    "linalg_lstsq", "linalg_pinv", "linalg_lu",
)  # fmt: skip
_SCOPES = "pkg.torch.onnx.name_scopes"


@dataclass(frozen=True)
class Captured:
    """An offline graph with named ports; dims "batch" and "time" are symbolic, on the same axes of every sequence."""

    model: ir.Model
    batch_axis: int
    time_axis: int
    places: Mapping[str, str]
    """Node name -> path of the module that it comes from."""
    lengths: Lengths
    """The lengths that the source module takes."""
    contexts: tuple[Extra, ...] = ()
    """Values per sequence that the module takes; in the graph they are the last inputs."""


def capture(source: ModuleAdapter, example: Example, opset: int) -> Captured:
    """Capture `source`; raises `ModelRefused` where it cannot be captured for any batch and length."""
    if opset not in OPSETS:
        raise ModelRefused(f"opset: expected {OPSETS.start} to {OPSETS.stop - 1}, found {opset}")
    # The exporter of torch takes half a second to import; files do without.
    from rnnedge_export.capture._onnx_program import to_onnx

    _check_dtypes(source)
    # Sizes 0 and 1 are specialized by torch.export, so the traced example has at least two of each.
    x = example.given(max(2, example.batch), example.length * -(-4 // example.length))
    with quick_lengths():
        program, lengths = trace(source, x, example)
    with quick_lengths(), quiet(), torch.no_grad():
        try:
            model = to_onnx(program, opset)
        # torch.onnx wraps every failure, an operator without translation most of all, in types of its own.
        except Exception as error:
            reason = _without_operator(program) or reason_of(error)
            raise ModelRefused(f"{source.name}: torch.onnx cannot write this network: {reason}") from error
    try:
        fold(model)
    # onnxscript's constant folding fails on parts whose sizes it does not know.
    except Exception as error:
        if not any(node.op_type == "SplitToSequence" for node in model.graph.all_nodes()):
            raise
        raise ModelRefused(
            f"{source.name} (torch.split): cannot stream: it splits by a size that depends on the length of the "
            "sequence; cut by numbers: x[:, 3:], x[:, :-1]"
        ) from error
    keep_small_values(model)
    write_choices(model)
    keep_within_bounds(model)
    _name_ports(model, source)
    frames = model.graph.inputs[: len(source.input_names)]
    _name_dims(model, frames, {example.batch_axis: "batch", example.time_axis: "time"}, lengths)
    contexts = settle_extras(model, example.extras, example.batch_axis, source.name)
    found = model.opset_imports[""]
    if found != opset:
        raise ModelRefused(f"opset {opset}: torch.onnx wrote opset {found}; choose that one")
    places = strip(model)
    name_recurrent_weights(model, places, source.module)
    if any(
        size(d if isinstance(d, int) else str(d), 2, 64) is None for v in _values(model.graph) for d in v.shape or ()
    ):
        measure_shapes(model, lambda b, t: _feed(example, contexts, b, t), lengths)
    _check_dims(model, source.name)
    return Captured(model, example.batch_axis, example.time_axis, places, lengths, contexts)


def _without_operator(program: torch.export.ExportedProgram) -> str | None:
    """What ONNX has no operator for, also in the body of a loop, of which torch.onnx says something else."""
    graphs = [each for each in program.graph_module.modules() if isinstance(each, torch.fx.GraphModule)]
    names = {str(getattr(node.target, "_opname", "")) for each in graphs for node in each.graph.nodes}
    found = sorted(name for name in names if name.startswith(_SOLVERS))
    if not found:
        return None
    return (
        f"ONNX has no operator for {', '.join(found)}; write the solution out, such as of two equations by their "
        "determinant"
    )


def _feed(example: Example, contexts: Sequence[Extra], batch: int, time: int) -> list[Any]:
    tensors = (*example.resized(batch, time), *(extra.of_batch(batch) for extra in contexts))
    return [tensor.numpy() for tensor in tensors]


def _check_dtypes(source: ModuleAdapter) -> None:
    for name, tensor in source.module.state_dict().items():
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise ModelRefused(f"{name}: expected float32 weights, found {tensor.dtype}; call module.float() first")


def fold(model: ir.Model) -> None:
    """Inline local functions and compute everything constant, whatever its size."""
    simplify(model)
    ShapeInferencePass()(model)


def _name_ports(model: ir.Model, source: ModuleAdapter) -> None:
    """Inputs and outputs are called as the module calls them; whatever else has one of these names gets another."""
    graph = model.graph
    given = (*source.input_names, *source.extra_names)
    for value in list(graph.initializers.values()):
        value.name = (value.name or "").removeprefix("module.").removeprefix(f"{STEP}.")
    for index in range(len(graph.outputs)):
        value = graph.outputs[index]
        if value.is_graph_input() or value.is_initializer() or value in list(graph.outputs)[:index]:
            node = ir.Node("", "Identity", [value])
            node.outputs[0].type, node.outputs[0].shape = value.type, value.shape
            graph.append(node)
            graph.outputs[index] = node.outputs[0]
    ports = dict(zip((*graph.inputs, *graph.outputs), (*given, *source.output_names), strict=True))
    used = {*ports.values(), *(value.name for value in _values(graph))}
    for value in list(_values(graph)):
        if value.name in ports.values() and value not in ports:
            value.name = next(name for k in itertools.count() if (name := f"{value.name}_inner{k or ''}") not in used)
            used.add(value.name)
    for value, name in ports.items():
        value.name = name


def _name_dims(model: ir.Model, frames: Sequence[ir.Value], axes: Mapping[int, str], lengths: Lengths) -> None:
    """torch.export numbers its symbols (s77); write them as "batch" and "time" wherever they stand.

    Inputs of frames share batch and time, whether the trace knows it or not.
    `min(a.shape[1], b.shape[1])` is that of the two which is the smaller one at every length.
    """
    names = {}
    for value, (axis, name) in itertools.product(frames, axes.items()):
        shape = value.shape
        assert shape is not None
        # A length of a form stands as 4*s77 - 12, and its symbol alone is a part of it.
        found = re.fullmatch(r"(?:(\d+)\*)?(\w+)(?: ([+-]) (\d+))?", str(shape[axis]))
        if found and not isinstance(shape[axis], int):
            offset = int(f"{found[3] or '+'}{found[4] or 0}")
            names[found[2]] = name if not found[1] else f"(({name} - {offset})//{found[1]})"
        if not isinstance(shape[axis], int):
            shape[axis] = name
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, names)) + r")\b") if names else re.compile("(?!)")
    for value in _values(model.graph):
        if value.shape is not None and not value.shape.is_static():
            named = (d if isinstance(d, int) else pattern.sub(lambda m: names[m[1]], str(d)) for d in value.shape)
            plain = (without_extremes(d, lengths.samples) for d in named)
            value.shape = ir.Shape(as_number(d, lengths.samples) for d in plain)


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    for part in (graph, *graph.subgraphs()):
        yield from part.inputs
        yield from part.initializers.values()
    for node in graph.all_nodes():
        yield from node.outputs


def strip(model: ir.Model) -> dict[str, str]:
    """Remove every note that the exporter left, and return the module path of each node."""
    places: dict[str, str] = {}
    for node in model.graph.all_nodes():
        note(node)
        places[node.name or ""] = _place(node.metadata_props.get(_SCOPES, ""))
        node.metadata_props.clear()
        node.doc_string = None
    for value in _values(model.graph):
        value.metadata_props.clear()
        value.doc_string = None
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    model.doc_string = model.graph.doc_string = None
    return places


def _place(scopes: str) -> str:
    """The deepest module of a node's scopes, such as "encoder.gru", without the wrapper's own "module."."""
    try:
        names = [str(name) for name in ast.literal_eval(scopes)] if scopes else []
    except (SyntaxError, ValueError):
        return ""
    own = [name.removeprefix("module.").removeprefix(f"{STEP}.") for name in names[:-1] if name != "module"]
    modules = [name for name in own if name not in ("", STEP)]
    return modules[-1] if modules else ""


def _check_dims(model: ir.Model, name: str) -> None:
    """Every length in the signature is a number or made of the batch size and the sequence length."""
    for value in (*model.graph.inputs, *model.graph.outputs):
        for dim in value.shape or ():
            if size(dim if isinstance(dim, int) else str(dim), 2, 64) is None or re.search("Min|Max", str(dim)):
                _check_padding(model, name)
                raise ModelRefused(
                    f"{name}: {value.name!r} has the length {dim}; expected a number, the batch size or the sequence "
                    "length; frame-wise layers, windows and recurrences keep it"
                )


def _check_padding(model: ir.Model, name: str) -> None:
    """Padding that cannot stream is the reason for a length that is not known."""
    for node in model.graph:
        mode = node.attributes.get_string("mode", "") if node.op_type == "Pad" else ""
        if mode in NEVER:
            raise ModelRefused(f"{name} (Pad): cannot stream: {reason_against(mode)}; {REMEDY}")
