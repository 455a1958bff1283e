"""Objects show what they are: in a log, a debugger, a notebook."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from exported import Exported
from in_one_test import in_one_test

import rnnedge
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.describe import html, in_a_line


def test_one_line_says_what_an_object_is(native: Exported):
    """The file, its inputs and outputs, and where a stream or a pool stands."""
    model = native.model
    stream, pool = model.stream(2), model.pool(3)
    stream.push(np.zeros((2, 17, 5), np.float32))
    pool.join()
    ports = "x (time, 5) -> y (time, 3)"
    place = repr(str(native.path))
    assert repr(model) == f"<rnnedge Model {place}: {ports}; native float32 on 'cpu'>"
    assert repr(stream) == f"<rnnedge Stream of {place}: {ports}; batch 2, 17 frames so far>"
    assert repr(pool) == f"<rnnedge StreamPool of {place}: {ports}; 1 of 3 members>"
    assert repr(model.contract) == f"<rnnedge Contract: {ports}; 2 states, native float32>"


def test_a_line_tells_how_often_frames_come(native: Exported):
    """A summary has no time; a frame for every second one of the input is time/2."""
    (port,) = native.model.contract.outputs
    slow = replace(port, name="slow", clock=replace(port.clock, rate=Fraction(3, 2)))
    summary = replace(port, name="end", per_frame=False)
    contract = replace(native.model.contract, outputs=(slow, summary))
    assert in_a_line(contract) == "x (time, 5) -> slow (3*time/2, 3), end (3)"


def test_a_model_is_tables_in_a_notebook(native: Exported):
    """Ports, states, timing."""
    page = native.model._repr_html_()
    states = [state.input for state in native.model.contract.states]
    for word in ("<table", "<td>x</td>", "stride, lookahead", "native, float32", *states):
        assert word in page, word
    assert native.model.contract._repr_html_().startswith("<div>")


@in_one_test(
    ("place", "name", "words"),
    [
        ("model", "predict", "run(frames) takes a whole sequence"),
        ("model", "push", "model.stream().push(frames)"),
        ("model", "inputs", "contract.inputs has them"),
        ("stream", "run", "push(frames) does it"),
        ("stream", "flush", "finish() gives"),
        ("rnnedge", "InferenceSession", "load(path) opens a file"),
        ("rnnedge", "compile", "a verb: rnnedge compile --help"),
    ],
)
def test_a_name_of_another_tool_is_answered_with_ours(place: str, name: str, words: str, native: Exported):
    """And one that nobody knows as Python does it."""
    one = {"model": native.model, "stream": native.model.stream(), "rnnedge": rnnedge}[place]
    with pytest.raises(AttributeError) as error:
        getattr(one, name)
    assert words in str(error.value) and not hasattr(one, name)
    with pytest.raises(AttributeError, match=f"has no attribute '{name}s'$"):
        getattr(one, f"{name}s")


@pytest.fixture
def hostile(native: Exported) -> Contract:
    """Names and labels as a stranger may write them."""
    contract = native.model.contract
    name = "<script>alert(1)</script>\x1b[31m\u202e" + "x" * 10_000
    outputs = tuple(replace(port, name=name) for port in contract.outputs)
    return replace(contract, inputs=contract.inputs * 40, outputs=outputs, labels=(name,), golden=None)


def test_names_of_strangers_run_nothing(hostile: Contract):
    """Neither a tag in a notebook nor a control character in a terminal, and the line stays short."""
    page = html("<b>file</b>", hostile, [("<i>", "&")])
    assert "<script" not in page and "<b>" not in page and "<i>" not in page and "&lt;script&gt;" in page
    for text in (page, repr(hostile)):
        assert text.isprintable() and "\\x1b" in text, text[:200]
    assert len(repr(hostile)) < 500
    assert "and 36 more" in repr(hostile)
    assert len(page) < 20_000
