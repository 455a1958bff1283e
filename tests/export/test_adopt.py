"""Files with states of their own: adopted, streamed, and equal to the loop that their authors run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
import quickly
import silero_vad
import torch
from in_one_test import in_one_test
from silero_vad.utils_vad import OnnxWrapper
from torch import nn

from rnnedge_runtime import InputError, ModelRefused, load

SILERO = Path(silero_vad.__file__).parent / "data" / "silero_vad.onnx"
GRU = nn.GRU(3, 5)
HEADER = '<ir_version: 8, opset_import: ["" : 17]>'


def parsed(text: str, path: Path) -> Path:
    """A file from onnx's own text form, GRU's weights under the names w, r and b."""
    model = onnx.parser.parse_model(f"{HEADER} agraph {text}")
    r, z, n = (slice(5 * i, 5 * i + 5) for i in range(3))

    def gates(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
        return torch.cat([tensor[z], tensor[r], tensor[n]]).detach().numpy()

    weights = {
        "w": gates(GRU.weight_ih_l0)[None],
        "r": gates(GRU.weight_hh_l0)[None],
        "b": np.concatenate([gates(GRU.bias_ih_l0), gates(GRU.bias_hh_l0)])[None],
        "first": np.array([0], np.int64),
        "second": np.array([1], np.int64),
    }
    for name, array in weights.items():
        # Some exporters write numbers one by one, others as raw bytes.
        data_type = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        listed = onnx.helper.make_tensor(name, data_type, array.shape, array.reshape(-1).tolist())
        model.graph.initializer.append(listed if name == "w" else onnx.numpy_helper.from_array(array, name))
    path.write_bytes(model.SerializeToString())
    return path


CELL = "<hidden_size = 5, linear_before_reset = 1>"
SEQUENCE = f"""(float[T, N, 3] x, float[1, N, 5] h) => (float[T, N, 5] y, float[1, N, 5] h_out)
{{ all, h_out = GRU {CELL} (x, w, r, b, , h) y = Squeeze (all, second) }}"""
FRAME = f"""(float[1, 3] x, float[1, 1, 5] h) => (float[1, 5] y, float[1, 1, 5] h_out)
{{ frame = Unsqueeze (x, first) all, h_out = GRU {CELL} (frame, w, r, b, , h) y = Squeeze (h_out, first) }}"""
FROZEN = f"""(float[1, 1, 3] x, float[1, 1, 5] h) => (float[1, 1, 5] y, float[1, 1, 5] h_out)
{{ all, h_out = GRU {CELL} (x, w, r, b, , h) flat = Constant <value_ints = [1, 1, 5]> () y = Reshape (all, flat) }}"""


def streams_the_gru(path: Path) -> None:
    """Uneven pieces of one sequence give what torch's GRU gives for the whole."""
    x = torch.randn(50, 1, 3, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = GRU(x)[0][:, 0].numpy()
    stream = load(path, trust="strict").stream()
    found = [stream.push(part) for part in np.split(x[:, 0].numpy(), [1, 3, 30])] + [stream.finish()]
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "options", "batch"),
    [
        (SEQUENCE, {"time_axis": "x:0"}, None),
        (SEQUENCE, {"time_axis": 0, "chunk": 4}, None),
        (FRAME, {"time_axis": None}, None),
        (FROZEN, {"time_axis": 0, "chunk": 1}, 1),
    ],
)
def test_a_file_with_a_state(text: str, options: dict[str, Any], batch: int | None, tmp_path: Path) -> None:
    """Any number of frames a call, four, one without a time axis, and one for a batch of one only."""
    report = quickly.adopt(parsed(text, tmp_path / "f.onnx"), tmp_path / "s.onnx", states={"h": "h_out"},
                                  **options)  # fmt: skip
    assert report.verification.passed and report.contract.batch == batch
    streams_the_gru(tmp_path / "s.onnx")
    model = load(tmp_path / "s.onnx")
    if batch:
        with pytest.raises(InputError, match="made for batch 1, found 2"):
            model.stream(2)
    else:
        assert model.stream(2).push(np.zeros((2, 8, 3), np.float32)).shape == (2, 8, 5)


def test_silero_vad_streams_as_its_own_wrapper(tmp_path: Path) -> None:
    """A shipped voice activity detector: 512 samples a call behind 64 of the last one, a packed state, a constant."""
    target = tmp_path / "vad.onnx"
    quickly.adopt(SILERO, target, states={"state": "stateN"}, constants={"sr": 16000}, chunk=512, context=64,
                         frame_rate_hz=16000)  # fmt: skip
    t = np.arange(16000 * 6 - 100) / 16000
    rng = np.random.default_rng(0)
    voice = np.sin(2 * np.pi * 180 * t * (1 + 0.1 * np.sin(4 * t))) * np.clip(np.sin(3 * t), 0, 1)
    audio = (0.5 * voice + 0.02 * rng.standard_normal(t.size)).astype(np.float32)
    expected = OnnxWrapper(str(SILERO), force_onnx_cpu=True).audio_forward(torch.from_numpy(audio), 16000).numpy()[0]
    assert expected.max() > 10 * expected.min()
    stream = load(target).stream()
    pieces = np.split(audio, np.sort(rng.integers(0, len(audio), 60)))
    found = np.concatenate([*map(stream.push, pieces), stream.finish()])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    kinds = {node.op_type for node in onnx.load(target).graph.node}
    assert not kinds & {"If", "Shape"}, "arithmetic on lengths is gone from the graph"


@in_one_test(
    ("options", "words"),
    [
        ({"states": {"hh": "h_out"}}, "state hh:h_out: expected an input and an output"),
        ({"states": {}}, "expected one input for frames, or several .*, found x, h"),
        ({"states": {"h": "h_out"}, "constants": {"sr": 1}}, "constant 'sr': the inputs are x, h"),
        ({"states": {"h": "h_out"}, "time_axis": 5}, "has no axis 5 for time"),
        ({"states": {"h": "h_out"}, "context": 2}, "expected a chunk too"),
        ({"states": {"h": "y"}}, "does not run from zero states"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    """With what was expected and found, and no file."""
    file = parsed(SEQUENCE, tmp_path / "f.onnx")
    with pytest.raises(ModelRefused, match=words):
        quickly.adopt(file, tmp_path / "s.onnx", **{"time_axis": 0, **options})
    assert not (tmp_path / "s.onnx").exists()
