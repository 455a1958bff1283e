"""What a client of the server hears of an error says what is wrong with its frames, and not where files lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")

from serving import served
from websockets.asyncio.client import connect

from rnnedge.live.server.told import told
from rnnedge_runtime import load
from rnnedge_runtime.checksum import seal

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"


def _failing(path: Path) -> Path:
    """The golden file, which also looks up a row of a table by the largest number of its frames: one of 100."""
    model = onnx.load(GOLDEN)
    del model.metadata_props[-1]
    output = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["before" if name == output else name for name in node.output]
        node.input[:] = ["before" if name == output else name for name in node.input]
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(100, np.float32), "table"))
    model.graph.node.extend([
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["row"], to=onnx.TensorProto.INT64),
        helper.make_node("Gather", ["table", "row"], ["nothing"]),
        helper.make_node("Add", ["before", "nothing"], [output]),
    ])  # fmt: skip
    path.parent.mkdir()
    path.write_bytes(seal(model.SerializeToString()))
    return path


def test_a_client_is_not_told_where_the_model_lies(tmp_path: Path) -> None:
    """The error of a library names the file, which to the operator is a path, and to a client a name."""
    path = _failing(tmp_path / "of a user" / "net.onnx")
    model = load(path, trust="local")
    with pytest.raises(RuntimeError, match="of a user"):
        model.stream().push(np.full((1, 4), 1e6, np.float32))

    async def client(url: str) -> Any:
        async with connect(f"{url}/v1/streams") as ws:
            await ws.send(json.dumps({"type": "open", "stream": 0}))
            await ws.recv()
            await ws.send(json.dumps({"type": "frames", "stream": 0, "first": 0, "frames": [[1e6] * 4]}))
            return json.loads(await ws.recv())

    said = served(model, client)
    assert said["type"] == "error" and said["message"].startswith("net.onnx: provider 'cpu' failed at frame 0")
    assert "of a user" not in said["message"] and str(tmp_path.parent) not in said["message"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/me/net.onnx: damaged", "net.onnx: damaged"),
        ("a/net.onnx: damaged", "net.onnx: damaged"),
        ("cannot read '/etc/app/weights.bin' (No such file)", "cannot read 'weights.bin' (No such file)"),
        (r"C:\Users\me\net.onnx and \\share\a\b.so", "net.onnx and b.so"),
        ("/onnxruntime_src/onnxruntime/core/gather.cc:12 idx=9", "gather.cc:12 idx=9"),
        ("1/2 of 3 / 4, see https://example.org/a/b/c", "1/2 of 3 / 4, see https://example.org/a/b/c"),
        ("expected input 'a/b/c' within [-10,9]", "expected input 'a/b/c' within [-10,9]"),
        ("x" * 2000, "x" * 1000),
    ],
)
def test_folders_are_left_out_of_a_text(text: str, expected: str) -> None:
    """Those of the model and of anything else; names, fractions and addresses stay."""
    assert told(text, "a/net.onnx") == expected
