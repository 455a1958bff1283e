"""ONNX files for whole sequences, from torch's older exporter and written by hand, become files that stream."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
import quickly
import torch
import windows
from in_one_test import in_one_test
from torch import Tensor, nn

from rnnedge_runtime import ModelRefused, load
from rnnedge_runtime.engines.onnx_runtime import onnxruntime


class Tagger(nn.Module):
    """A recurrence and a head."""

    def __init__(self, kind: type[nn.RNNBase], batch_first: bool = True) -> None:
        super().__init__()
        self.rnn = kind(4, 8, 2, batch_first=batch_first)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0])


def legacy(module: nn.Module, x: Tensor, path: Path, opset: int, dynamic: dict[int, str]) -> Path:
    """The file that torch's TorchScript exporter writes."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), (x,), str(path), dynamo=False, opset_version=opset, input_names=["x"], output_names=["y"],
            dynamic_axes={"x": dynamic},
        )  # fmt: skip
    return path


def streamed_equals_offline(offline: Path, target: Path, time_axis: int) -> None:
    """One sequence in uneven pieces, against the offline file in onnxruntime, outside of rnnedge's own verification."""
    session = onnxruntime.InferenceSession(offline, providers=["CPUExecutionProvider"])
    shape = [d if isinstance(d, int) else 1 for d in session.get_inputs()[0].shape]
    shape[time_axis] = 84
    x = np.random.default_rng(5).standard_normal(shape, np.float32)
    (expected,) = session.run(None, {"x": x})
    model = load(target)
    stream = model.stream()
    frames = np.moveaxis(x, time_axis, 0).reshape(84, *model.contract.inputs[0].frame_shape)
    found = [stream.push(part) for part in np.split(frames, [1, 4, 5, 33])] + [stream.finish()]
    whole = np.concatenate(found)
    port = model.contract.outputs[0]
    batch = 1 if time_axis == 0 else 0
    assert port.per_frame
    axis = next(i for i, d in enumerate(expected.shape) if i != batch and d == len(whole))
    np.testing.assert_allclose(whole, np.moveaxis(expected, axis, 0 if batch else 1).squeeze(batch), atol=1e-5)


@pytest.mark.parametrize("opset", [14, 17, 20])
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("batch_first", [True, False])
def test_recurrences_of_the_older_exporter(kind: type[nn.RNNBase], batch_first: bool, opset: int, tmp_path: Path):
    """Native operators, batch first or sequence first, opset 14 on."""
    time = int(batch_first)
    x = torch.randn(20, 2, 4).transpose(0, time)
    offline = legacy(Tagger(kind, batch_first), x, tmp_path / "o.onnx", opset, {0: "a", 1: "b"})
    report = quickly.convert(offline, tmp_path / "s.onnx", time_axis=time)
    assert report.contract.opset == max(opset, 20)
    streamed_equals_offline(offline, tmp_path / "s.onnx", time)


@pytest.mark.parametrize(
    "name", ["causal", "stride", "up-overlap", "unet", "two-d", "shift", "running-mean", "dilated"]
)
@pytest.mark.parametrize("form", ["native", "step"])
def test_windows_of_the_older_exporter(name: str, form: str, tmp_path: Path) -> None:
    """Its computed padding and cuts, and its lengths, are found out."""
    module, x = windows.build(name)
    axis = 2 if name == "unet" else 1
    offline = legacy(module, torch.cat([x, x]), tmp_path / "o.onnx", 17, {0: "b", axis: "t"})
    report = quickly.convert(offline, tmp_path / "s.onnx", time_axis=f"x:{axis}", form=form)
    assert report.verification.passed
    if name != "unet":
        streamed_equals_offline(offline, tmp_path / "s.onnx", axis)


@pytest.mark.parametrize("dynamic", [{1: "t"}, {}])
def test_a_file_for_one_sequence_of_one_length(dynamic: dict[int, str], tmp_path: Path) -> None:
    """Sizes that are frozen into the file are opened where it computes the same."""
    offline = legacy(Tagger(nn.GRU), torch.randn(1, 20, 4), tmp_path / "o.onnx", 17, dynamic)
    report = quickly.convert(offline, tmp_path / "s.onnx")
    assert report.verification.passed
    assert report.contract.inputs[0].shape == ("time", "batch", 4)


def parsed(text: str, path: Path) -> Path:
    """A file from onnx's own text form."""
    path.write_bytes(onnx.parser.parse_model(text).SerializeToString())
    return path


HEADER = '<ir_version: 8, opset_import: ["" : 17]>'


def test_a_file_written_by_hand(tmp_path: Path) -> None:
    """A running mean of three frames, no torch anywhere; verified again from the file."""
    offline = parsed(
        HEADER + "agraph (float[N, 2, T] audio) => (float[N, 2, U] y) "
        "{ y = AveragePool <kernel_shape = [3], strides = [1]> (audio) }",
        tmp_path / "o.onnx",
    )
    report = quickly.convert(offline, tmp_path / "s.onnx", time_axis="audio:2", frame_rate_hz=100)
    assert (report.contract.least, report.contract.grain) == (3, 1)
    assert report.contract.provenance["source"] == "o.onnx"
    assert quickly.verify(tmp_path / "s.onnx", offline, time_axis=2).passed


@in_one_test(
    ("body", "time_axis", "words"),
    [
        ("(float[N, T, 2] x) => (float[N, 2] y) { y = ReduceProd <axes = [1], keepdims = 0> (x) }", 1, "it pools"),
        ("(float[N, T, 2] x) => (float[N, T, 2] y) { y = Relu (x) }", "z:1", "has no input 'z'; it has x"),
        ("(float[N, T, 2] x) => (float[N, T, 2] y) { y = Relu (x) }", 3, "expected batch on axis 0 and time on axis 3"),
        ("(float[N, T, 2] x) => (float[N, T, 2] y) { y = Relu (x) }", "x:y", "expected a number or input:number"),
        ("(float[N, T, C] x) => (float[N, T, C] y) { y = Relu (x) }", 1, "axis 2 of .* has no size"),
        ("(string[N, T, 2] x) => (string[N, T, 2] y) { y = Identity (x) }", 1, "integers, found string"),
        ("(float[N, T, 2] x, float[N, 2] h) => (float[N, T, 2] y) { y = Relu (x) }", 1, "nothing reads it.* adopt"),
        ("(float[N, T, 2] x, float[N, 2] h) => (float[N, T, 2] y, float[N, 2] g) { y = Relu (x) g = Relu (h) }", 1,
         "rnnedge adopt"),
        ("(float[1, 4, 2] x) => (float[1, 4, 2] y) { a = Constant <value_floats = [1.0, 2.0, 3.0, 4.0]> () "
         "i = Constant <value_ints = [1]> () b = Unsqueeze (a, i) y = Add (x, b) }", 1,
         "a Add: .* it takes sequences of 4 frames only; export it with a dynamic time axis"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_stream_is_refused(body: str, time_axis: str | int, words: str, tmp_path: Path) -> None:
    """With the place, the reason and the remedy, and no file."""
    offline = parsed(f"{HEADER} agraph {body}", tmp_path / "o.onnx")
    with pytest.raises(ModelRefused, match=words):
        quickly.convert(offline, tmp_path / "s.onnx", time_axis=time_axis)
    assert not (tmp_path / "s.onnx").exists()


def test_sequences_that_meet_are_refused(tmp_path: Path) -> None:
    """A file that mixes the sequences of a batch has no streams in it."""
    offline = parsed(
        HEADER + "agraph (float[N, T, 2] x) => (float[N, T, 2] y) "
        "{ m = ReduceMean <axes = [0], keepdims = 1> (x) y = Sub (x, m) }",
        tmp_path / "o.onnx",
    )
    with pytest.raises(ModelRefused, match="two sequences at once"):
        quickly.convert(offline, tmp_path / "s.onnx")
