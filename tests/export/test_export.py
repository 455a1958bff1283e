"""Every network in every form computes what PyTorch computes, seen from outside the exporter."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import quickly
import torch
from exported import loaded_strictly
from in_one_test import in_one_test
from shares import one_in, those

import rnnedge_export
from examples.networks import small as networks
from rnnedge_runtime import InputError, ModelRefused, VerificationError, load
from rnnedge_runtime.contract import FORMS
from rnnedge_runtime.engines.onnx_runtime import onnxruntime


def whole(module: torch.nn.Module, x: torch.Tensor) -> dict[str, np.ndarray[Any, Any]]:
    """The module's own outputs for whole sequences, states of the (y, state) convention left out."""
    with torch.no_grad():
        result = module(x)
    if isinstance(result, tuple):
        result = result[0]
    return {k: v.numpy() for k, v in (result if isinstance(result, dict) else {"y": result}).items()}


def sequence(example: torch.Tensor, batch: int, time: int) -> torch.Tensor:
    """A random sequence of the example's kind."""
    generator = torch.Generator().manual_seed(time)
    if example.dtype == torch.int64:
        return torch.randint(0, 11, (batch, time), generator=generator)
    return torch.randn(batch, time, *example.shape[2:], generator=generator)


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize(
    ("name", "form"),
    [
        *those(
            [(name, "native") for name in networks.NETWORKS if name[-2:] not in ("-1", "-3")],
            [(name, "native") for name in networks.NETWORKS],
        ),
        *one_in(3, ((name, form) for form in FORMS if form != "native" for name in networks.NETWORKS)),
    ],
)
def test_a_streamed_file_equals_its_module(name: str, form: str, tmp_path: Path) -> None:
    """Pushes of odd sizes and their finish, joined, are the module's output for the whole sequence."""
    module, example = networks.build(name)
    quickly.export(module, example, tmp_path / "m.onnx", form=form)
    # As a device would that did not make it: no exported file is outside the bounds of the careful loader.
    model = loaded_strictly(tmp_path / "m.onnx")
    x = sequence(example, 1, 23)
    expected = whole(module, x)
    stream = model.stream()
    parts = [stream.push(part) for part in np.split(x[0].numpy(), [1, 2, 9, 9, 14])]
    parts.append(stream.finish())
    for key, value in expected.items():
        pieces = [part[key] if isinstance(part, dict) else part for part in parts]
        actual = np.concatenate(pieces)
        np.testing.assert_allclose(actual, value.reshape(actual.shape), rtol=0, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_the_graph_alone_streams_by_its_contract(form: str, tmp_path: Path) -> None:
    """A program that knows only onnxruntime and the JSON contract chains the states and gets the module's numbers."""
    module, example = networks.build("lstm-2")
    quickly.export(module, example, tmp_path / "m.onnx", form=form, chunk=3 if form == "unrolled" else None)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    contract = json.loads(session.get_modelmeta().custom_metadata_map["rnnedge.contract"])
    (port,), (out,) = contract["inputs"], contract["outputs"]
    x = sequence(example, 2, 12)
    frames = contract["chunk"] or 4
    states = {
        s["input"]: np.full([2 if d == "batch" else d for d in s["shape"]], s["initial"], s["dtype"])
        for s in contract["states"]
    }
    found = []
    for start in range(0, 12, frames):
        feed = np.moveaxis(x[:, start : start + frames].numpy(), 0, port["batch_axis"])
        if port["time_axis"] is None:
            feed = x[:, start].numpy()
        y, *after = session.run(None, {port["name"]: feed, **states})
        names = [o.name for o in session.get_outputs()[1:]]
        states = {s["input"]: after[names.index(s["output"])] for s in contract["states"]}
        found.append(y[:, None] if out["time_axis"] is None else np.moveaxis(y, out["batch_axis"], 0))
    np.testing.assert_allclose(np.concatenate(found, 1), whole(module, x)["y"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("opset", "form"), one_in(3, ((opset, form) for opset in (18, 19, 20, 21, 22) for form in FORMS))
)
def test_every_opset_is_written_as_asked(opset: int, form: str, tmp_path: Path) -> None:
    """Opsets 18 to 22 verify in every form, and the file declares the one that was asked for."""
    module, example = networks.build("gru-2")
    quickly.export(module, example, tmp_path / "m.onnx", form=form, opset=opset)
    model = onnx.load(tmp_path / "m.onnx")
    assert [(o.domain, o.version) for o in model.opset_import] == [("", opset)]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_input_gives_the_same_bytes(form: str, tmp_path: Path) -> None:
    """Two exports of one module are equal to the byte."""
    module, example = networks.build("both")
    first = quickly.export(module, example, tmp_path / "a.onnx", form=form)
    second = quickly.export(module, example, tmp_path / "b.onnx", form=form)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert first.digest == second.digest


def test_a_file_says_nothing_about_the_machine_it_was_made_on(tmp_path: Path) -> None:
    """No path, source line or trace of the exporter stands in the bytes."""
    module, example = networks.build("tokens")
    quickly.export(module, example, tmp_path / "m.onnx")
    data = (tmp_path / "m.onnx").read_bytes()
    for trace in (str(Path.cwd()), str(Path.home()), "small.py", "site-packages", "stack_trace", "pkg.torch"):
        assert trace.encode() not in data
    assert not re.search(rb'File "|\.py\b', data)


def test_a_file_holds_each_form_s_own_loop(tmp_path: Path) -> None:
    """The four forms differ in the operators that carry the loop."""
    module, example = networks.build("gru-1")
    ops = {}
    for form in FORMS:
        quickly.export(module, example, tmp_path / f"{form}.onnx", form=form)
        ops[form] = [node.op_type for node in onnx.load(tmp_path / f"{form}.onnx").graph.node]
    assert ops["native"].count("GRU") == 1
    assert ops["scan"].count("Scan") == 1
    assert not {"GRU", "Scan", "Loop"} & {*ops["unrolled"], *ops["step"]}
    assert ops["unrolled"].count("Tanh") > ops["step"].count("Tanh")
    assert not {"Transpose", "Squeeze", "Unsqueeze", "Reshape"} & set(ops["step"])


def test_native_ports_are_time_major_where_that_saves_transposes(tmp_path: Path) -> None:
    """A batch-first network runs without a single Transpose, and the contract says which axis is which."""
    module, example = networks.build("lstm-3")
    report = quickly.export(module, example, tmp_path / "m.onnx")
    port = report.contract.inputs[0]
    assert (port.shape, port.batch_axis, port.time_axis) == (("time", "batch", networks.FEATURES), 1, 0)
    assert "Transpose" not in [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node]


def test_a_learned_initial_state_stands_in_the_contract(tmp_path: Path) -> None:
    """What the module starts from is found by evaluation, layer by layer."""
    module, example = networks.build("learned-start")
    contract = quickly.export(module, example, tmp_path / "m.onnx").contract
    for layer, state in enumerate(contract.states):
        np.testing.assert_array_equal(state.initial, module.h0.detach().numpy()[layer : layer + 1])


def test_states_are_named_after_the_layers_that_own_them(tmp_path: Path) -> None:
    """A reader of the file sees which module a state belongs to."""
    module, example = networks.build("lstm-2")
    contract = quickly.export(module, example, tmp_path / "m.onnx").contract
    assert [s.input for s in contract.states] == ["rnn.l0.h", "rnn.l0.c", "rnn.l1.h", "rnn.l1.c"]


def test_time_major_modules_export_by_their_axes(tmp_path: Path) -> None:
    """batch_axis and time_axis describe a module whose sequences are (time, batch, feature)."""
    torch.manual_seed(0)
    module = torch.nn.GRU(3, 4)
    quickly.export(module, torch.randn(5, 1, 3), tmp_path / "m.onnx", batch_axis=1, time_axis=0)
    x = torch.randn(6, 1, 3)
    found = load(tmp_path / "m.onnx").run(x[:, 0].numpy())
    np.testing.assert_allclose(found, whole(module, x)["y"][:, 0], rtol=0, atol=1e-5)


def test_export_leaves_the_module_as_it_was(tmp_path: Path) -> None:
    """Training mode, submodules and parameters are the same objects after an export, a refused one too."""
    module, example = networks.build("gru-2")
    module.train()
    module.norm.eval()
    rnn, before = module.rnn, {k: v.clone() for k, v in module.state_dict().items()}
    quickly.export(module, example, tmp_path / "m.onnx")
    with pytest.raises(ModelRefused):
        quickly.export(module, example[..., :2], tmp_path / "n.onnx")
    assert module.rnn is rnn
    assert (module.training, module.rnn.training, module.norm.training) == (True, True, False)
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())


def test_a_wrong_file_fails_verification_and_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of a pass, here a wrong activation, is found before anything is written; an older file survives."""
    from rnnedge_export import passes

    module, example = networks.build("gru-1")
    target = tmp_path / "m.onnx"
    target.write_bytes(b"older")
    original = passes.write_form

    def defective(*args: Any, **options: Any) -> Any:
        written = original(*args, **options)
        node = next(n for n in written.model.graph if n.op_type == "Tanh")
        node.op_type = "Erf"
        return written

    monkeypatch.setattr(passes, "write_form", defective)
    with pytest.raises(VerificationError, match="parity"):
        quickly.export(module, example, target)
    assert target.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("form", one_in(3, FORMS))
def test_verification_notices_a_state_that_is_lost(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With states zeroed before every call the checks fail by orders of magnitude: they are sensitive."""
    from rnnedge_runtime.stream_runner import StreamRunner

    module, example = networks.build("gru-2")
    quickly.export(module, example, tmp_path / "m.onnx", form=form)

    def forgetful(call: Any) -> Any:
        def forgotten(self: StreamRunner, *arguments: Any) -> Any:
            self._states.reset(self._turn)
            return call(self, *arguments)

        return forgotten

    for road in ("_call", "_push_known"):
        monkeypatch.setattr(StreamRunner, road, forgetful(getattr(StreamRunner, road)))
    verification = rnnedge_export.verify(tmp_path / "m.onnx", module)
    failed = {check.name for check in verification.checks if check.max_error > 100 * check.tolerance}
    assert {"any chunking", "drift"} <= failed


def test_verify_refuses_a_file_of_another_module(tmp_path: Path) -> None:
    """Other weights fail the comparison; other outputs are refused by name."""
    module, example = networks.build("gru-1")
    quickly.export(module, example, tmp_path / "m.onnx")
    assert quickly.verify(tmp_path / "m.onnx", module).passed
    torch.manual_seed(99)
    other = networks.NETWORKS["gru-1"]()[0]
    assert not quickly.verify(tmp_path / "m.onnx", other).passed
    with pytest.raises(ModelRefused, match="outputs"):
        quickly.verify(tmp_path / "m.onnx", networks.build("both")[0])


@in_one_test(
    ("options", "words"),
    [
        ({"form": "magic"}, "native, scan, unrolled, step"),
        ({"precision": "int3"}, "float32"),
        ({"opset": 17}, "18 to 22"),
        ({"chunk": 4}, "unrolled"),
        ({"form": "unrolled", "chunk": 0}, "an integer from 1 to 4,096, found 0"),
        ({"time_axis": 7}, "time on axis 7"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    """The message names what was expected."""
    module, example = networks.build("gru-1")
    with pytest.raises(ModelRefused, match=words):
        quickly.export(module, example, tmp_path / "m.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_an_unwritable_target_is_refused_before_any_work(tmp_path: Path) -> None:
    """A missing folder is named at once."""
    module, example = networks.build("gru-1")
    with pytest.raises(InputError, match="does not exist"):
        quickly.export(module, example, tmp_path / "none" / "m.onnx")
