"""The compiler's passes say what they require and ensure; its options are one list."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import onnx_ir as ir
import pytest
import quickly
import torch
import typer.main
from onnx_ir.passes import PostconditionError, PreconditionError
from torch import nn

import rnnedge_export
from examples.networks import small as networks
from rnnedge.cli._app import app
from rnnedge_export import ExportOptions, Precision, passes, pipeline
from rnnedge_export.options import ExportKeywords
from rnnedge_export.sources import of_module
from rnnedge_export.work import Work

# No command line can give them: numbers of a training run, a function.
_BY_PYTHON_ONLY = {"normalization", "metric", "effort"}
_SPELLED = {"frame_rate_hz": "frame_rate", "layers": "layer", "name": "precision"}


def work_of(name: str, options: ExportOptions) -> Work:
    """A captured network, before the first pass."""
    module, example = networks.build(name)
    with quickly.CAPTURES, of_module(module, example, say=lambda _: None) as session:
        return Work(options, name, session._source, session._example, session._captured, {}, lambda _: None)


def broken_by(change: Callable[[ir.Graph], None]) -> Callable[[Work], None]:
    """The form pass, and a defect in the graph that it writes."""

    def run(work: Work) -> None:
        passes.write_loop(work)
        change(work.graph.graph)

    return run


def _forget_state(graph: ir.Graph) -> None:
    del graph.outputs[-1]


def _call_twice(graph: ir.Graph) -> None:
    graph[0].outputs[0].name = graph[1].outputs[0].name


def _turn_round(graph: ir.Graph) -> None:
    first = graph[0]
    graph.remove(first)
    graph.append(first)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_forget_state, "expected inputs"),
        (_call_twice, "a second value is called"),
        (_turn_round, "before it is computed"),
    ],
)
def test_a_defect_is_named_at_its_pass(change: Callable[[ir.Graph], None], words: str) -> None:
    """Behind the pass that made it, and not by the proof of the whole."""
    work = work_of("gru-1", ExportOptions())
    pipeline.STREAMIFY(work, checked=True)
    defective = pipeline.Pass("form", broken_by(change), pipeline.FORM.requires, pipeline.FORM.ensures)
    with pytest.raises(PostconditionError, match=words):
        defective(work, checked=True)


def test_a_loop_that_stays_native_is_a_defect_of_its_form() -> None:
    """The form that was asked for is what the graph has."""
    work = work_of("gru-1", ExportOptions("scan"))
    pipeline.STREAMIFY(work, checked=True)
    work.form = "native"
    passes.write_loop(work)
    work.form = "scan"
    with pytest.raises(PreconditionError, match="still a GRU"):
        pipeline.Pass("next", passes.describe, pipeline.FORM.ensures, ())(work, checked=True)


def test_a_pass_says_what_it_requires() -> None:
    """A graph of fixed length cannot be made to stream, and the pass says so before it begins."""
    work = work_of("gru-1", ExportOptions())
    work.graph = work.graph.clone()
    work.graph.graph.inputs[0].shape = ir.Shape([1, 9, 5])
    with pytest.raises(PreconditionError, match="expected open batch and time"):
        pipeline.STREAMIFY(work, checked=True)


def test_only_the_passes_that_are_needed_run() -> None:
    """In their order."""
    every = ExportOptions(precision="int8", taps="state")
    assert [one.name for one in pipeline.passes_for(every)] == [
        "taps", "streamify", "form", "golden sample", "stamp", "precision"
    ]  # fmt: skip
    assert [one.name for one in pipeline.passes_for(ExportOptions())] == ["streamify", "form", "golden sample", "stamp"]


@pytest.mark.parametrize("function", [rnnedge_export.export, rnnedge_export.convert])
def test_every_option_is_in_the_signature(function: Callable[..., object]) -> None:
    """By keyword, with its default, for readers and for type checkers."""
    shown = inspect.signature(function).parameters
    for field in fields(ExportOptions):
        assert shown[field.name].default == field.default
    assert set(ExportKeywords.__annotations__) == {field.name for field in fields(ExportOptions)}


@pytest.mark.parametrize(
    ("name", "hint"),
    [("opset_version", "; use opset"), ("dynamic_axes", "; leave it out: batch and time are open"),
     ("input_names", "; leave it out: inputs are called as"), ("time_axes", "; did you mean time_axis"),
     ("lable", "; did you mean labels"), ("xyzzy", "")],
)  # fmt: skip
def test_options_of_torch_are_known(name: str, hint: str, tmp_path: Path) -> None:
    """Whoever comes from `torch.onnx.export` is told what says it here; nothing is written."""
    with pytest.raises(TypeError) as error:
        rnnedge_export.export(nn.GRU(2, 2), torch.zeros(1, 4, 2), tmp_path / "x.onnx", **{name: 1})  # type: ignore[call-arg]
    said = f"export() got an unexpected keyword argument '{name}'"
    assert str(error.value).startswith(said + hint) and bool(hint) == (str(error.value) != said)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("options", [ExportOptions, Precision])
def test_every_option_is_on_the_command_line(options: type) -> None:
    """With the meaning of its field as help."""
    command = typer.main.get_command(app).commands["export"]
    helps = {parameter.name: getattr(parameter, "help", None) for parameter in command.params}
    for field in fields(options):
        if field.name not in _BY_PYTHON_ONLY:
            assert helps[_SPELLED.get(field.name, field.name)] == field.metadata["help"]


def test_options_come_in_their_one_form() -> None:
    """A name of a precision is a precision, a list is a tuple."""
    options = ExportOptions(precision="int8", labels=["a", "b"], taps="gates")
    assert options.numbers == Precision("int8")
    assert (options.labels, options.taps) == (("a", "b"), ("gates",))
