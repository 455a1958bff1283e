"""What torch.onnx builds for every network, and a capture does not, changes nothing in the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch
import windows
from torch import Tensor, nn
from torch.onnx._internal.exporter._registration import ONNXRegistry

from rnnedge.nn import time_loop
from rnnedge_export.capture import ModuleAdapter, _onnx_program, capture, read_example
from rnnedge_export.capture._exact import EXACT
from rnnedge_export.capture._onnx_program import to_onnx
from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture.decompositions import _decomposed

X = torch.randn(2, 6, 4)


class Stays(nn.Module):
    """Every operator has a translation."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(torch.tanh(self.linear(x)) + x)[:, :, :2].transpose(0, 1) // 0.1


class TakenApart(Stays):
    """Operators without a translation: of several results, of sizes, of weights, one after the other and in a body."""

    def __init__(self) -> None:
        super().__init__()
        self.batch_norm, self.up = nn.BatchNorm1d(4), nn.ConvTranspose1d(4, 4, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(self.batch_norm(super().forward(x).permute(1, 2, 0).repeat(1, 2, 1)))
        a, b = y.chunk(2, 1)
        y = a.contiguous().square().flatten(1) + b.reshape(b.shape[0], -1)
        return y.diff(dim=1)[:, : x.shape[0]].movedim(0, 1)


class Loop(nn.Module):
    """Such operators in the body of a scan."""

    def forward(self, x: Tensor) -> Tensor:
        def step(state: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
            a, b = frame.chunk(2, -1)
            state = state * 0.5 + (a * b).square()
            return state, state.flatten(1).clone()

        return time_loop(step, x.new_zeros(x.shape[0], 2), x.transpose(0, 1))[1].transpose(0, 1)


class Decomposed(Stays):
    """Operators without a translation, and one that changes its input."""

    def forward(self, x: Tensor) -> Tensor:
        a, b = super().forward(x).chunk(2, -1)
        return a.reshape(a.shape[1], -1, 1).clone().add_(b.transpose(0, 1)).diff(dim=1)


@pytest.mark.parametrize("network", [Stays, Decomposed])
def test_the_graph_is_that_of_torch(network: type[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    """Node for node, but for the numbers in names; only what changes something in place is traced again."""
    traced_again = []
    again = _decomposed._decompose_exported_program
    monkeypatch.setattr(
        _decomposed, "_decompose_exported_program", lambda *a, **k: traced_again.append(1) or again(*a, **k)
    )
    with quiet(), torch.no_grad():
        actual = to_onnx(_traced(network()), 20)
        options = {"opset_version": 20, "custom_translation_table": EXACT, "optimize": False, "verbose": False}
        made = torch.onnx.export(_traced(network()), dynamo=True, **options)
    assert made is not None
    assert _nodes(actual) == _nodes(made.model)
    assert bool(traced_again) == (network is Decomposed)


@pytest.mark.parametrize("network", [TakenApart, Loop])
def test_an_operator_is_taken_apart_where_it_stands(
    network: type[nn.Module], monkeypatch: pytest.MonkeyPatch, run_onnx: Callable[..., list[Any]]
) -> None:
    """The graph computes what the module does, of another batch and length than it was traced with."""
    monkeypatch.setattr(_decomposed, "_traced_again", lambda *_: pytest.fail("traced again"))
    module = network()
    with quiet(), torch.no_grad():
        program = _traced(module)
        assert not all(_decomposed._stays(node, _onnx_program._translations(20).has) for node in _all(program))
        actual = run_onnx(to_onnx(program, 20), {"x": (x := torch.randn(3, 11, 4)).numpy()})[0]
        np.testing.assert_allclose(actual, module(x).numpy(), rtol=0, atol=1e-6)


class WritesInside(nn.Module):
    """`gru_cell` consists of changes in place."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        frames = x.flatten(0, 1)
        return self.cell(frames, frames.tanh()).reshape(x.shape)


def test_an_operator_that_writes_in_place_inside_is_not_taken_apart_alone(run_onnx: Callable[..., list[Any]]) -> None:
    """torch writes the whole program without changes in place; the graph computes what the module does."""
    module = WritesInside()
    with quiet(), torch.no_grad():
        actual = run_onnx(to_onnx(_traced(module), 20), {"x": (x := torch.randn(3, 11, 4)).numpy()})[0]
        np.testing.assert_allclose(actual, module(x).numpy(), rtol=0, atol=1e-6)


def _all(program: torch.export.ExportedProgram) -> list[torch.fx.Node]:
    parts = (part for part in program.graph_module.modules() if isinstance(part, torch.fx.GraphModule))
    return [node for part in parts for node in part.graph.nodes]


def test_a_check_of_sizes_is_no_reason_to_trace_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every stride brings one: it has no translation, and computes nothing."""
    checks: list[torch.fx.Node] = []
    unchecked = _onnx_program._unchecked

    def seen(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
        checks.extend(n for n in program.graph.nodes if n.target is torch.ops.aten._assert_scalar.default)
        return unchecked(program)

    monkeypatch.setattr(_onnx_program, "_unchecked", seen)
    monkeypatch.setattr(_decomposed, "_decompose_exported_program", lambda *_, **__: pytest.fail("traced again"))
    module, x = windows.build("causal-stride")
    example = read_example(x, 0, 1, module)
    assert "Conv" in {node.op_type for node in capture(ModuleAdapter(module, example), example, 20).model.graph}
    assert checks


def test_what_is_to_be_decomposed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken as it is, the graph of such a network cannot be written."""
    monkeypatch.setattr(_decomposed, "_stays", lambda *_: True)
    monkeypatch.setattr(_decomposed, "writes", lambda *_: False)
    with quiet(), torch.no_grad(), pytest.raises(Exception, match="translating node %add_"):
        to_onnx(_traced(Decomposed()), 20)


def test_translations_are_those_of_torch() -> None:
    """The same functions for the same operators, of the same opset; ours come before them."""
    actual, expected = _onnx_program._translations(20), ONNXRegistry.from_torchlib(20)
    theirs = {name: [_of(one) for one in found if not one.is_custom] for name, found in actual.functions.items()}
    assert {name: found for name, found in theirs.items() if found} == {
        name: [_of(one) for one in found] for name, found in expected.functions.items()
    }
    assert all(actual.get_decomps(target)[0].is_custom for target in EXACT)


def _traced(module: nn.Module) -> torch.export.ExportedProgram:
    torch.manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("time")}
    return torch.export.export(module.eval(), (X,), dynamic_shapes=(sizes,))


def _of(translation: Any) -> tuple[object, ...]:
    return translation.onnx_function, translation.is_complex, translation.opset_introduced


def _nodes(model: ir.Model) -> list[object]:
    """Every node with its attributes and where its inputs come from; weights by their numbers."""
    found: list[object] = []
    places: dict[ir.Value, object] = {value: f"input {k}" for k, value in enumerate(model.graph.inputs)}
    for value in model.graph.initializers.values():
        assert value.const_value is not None
        places[value] = value.const_value.numpy().tolist()
    for k, node in enumerate(model.graph):
        given = [None if value is None else places[value] for value in node.inputs]
        shapes = [str(value.shape) for value in node.outputs]
        found.append((node.domain, node.op_type, {n: str(a) for n, a in node.attributes.items()}, given, shapes))
        places.update({value: f"node {k}, output {i}" for i, value in enumerate(node.outputs)})
    return [*found, [places[value] for value in model.graph.outputs]]
