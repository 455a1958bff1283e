"""What is no frame, value per sequence or snapshot is one InputError in JavaScript too, and changes nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
import torch
from torch import nn

from rnnedge_export.codegen import build
from rnnedge_runtime import InputError, Model, load

DOORS = Path(__file__).parent / "javascript" / "doors.mjs"
MAGIC = b"rnnedge-snapshot 1\n"


class Highest(nn.Module):
    """The highest number so far, whose state begins with an infinity, and a language with one of four rows."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(4, 2)

    def forward(self, x: torch.Tensor, language: torch.Tensor) -> torch.Tensor:
        """(batch, time, 2) and (batch,) to (batch, time, 2)."""
        return torch.cummax(x + self.table(language)[:, None], 1)[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    """The file, and the module that opens it for JavaScript."""
    pytest.importorskip("ziglang")
    if shutil.which("node") is None:
        pytest.skip("needs Node")
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("site")
    quickly.export(Highest().eval(), (torch.randn(1, 9, 2), torch.tensor([1])), folder / "net.onnx", form="step")
    build((folder / "net.onnx").read_bytes(), "web", folder, name="net")
    return load(folder / "net.onnx"), folder / "net.js"


def test_junk_at_every_call_is_refused_and_changes_nothing(site: tuple[Model, Path], tmp_path: Path) -> None:
    """Text, null, lists in lists, numbers beyond 64 bits, languages without a row; snapshots with a right checksum."""
    model, module = site
    stream = model.stream(context={"language": 1})
    first = stream.push(np.array([[1, 2]], np.float32))
    for k, data in enumerate(_bad(stream.snapshot())):
        (tmp_path / f"{k}.bad").write_bytes(data)
        with pytest.raises(InputError):
            model.stream(context={"language": 1}).restore(data)
    subprocess.run(["node", str(DOORS), str(module), str(tmp_path)], check=True, timeout=120)
    said = json.loads((tmp_path / "found.json").read_text())
    assert said["wrong"] == [] and said["grown"] == 0 and said["tried"] > 80
    # Nothing after the first frame was higher.
    for one in said["found"]:
        np.testing.assert_allclose(np.array(one), first.ravel(), atol=1e-6)


def _bad(data: bytes) -> list[bytes]:
    """Snapshots whose fields, arrays or numbers are none of this stream; every one with a right checksum."""
    body = data[len(MAGIC) + 32 :]
    end = 8 + int.from_bytes(body[:8], "little")
    header, rest = json.loads(body[8:end]), body[end:]

    def changed(change: dict[str, Any], values: bytes = rest) -> bytes:
        text = json.dumps({**header, **change}).encode()
        said = len(text).to_bytes(8, "little") + text + values
        return MAGIC + hashlib.sha256(said).digest() + said

    fields, arrays = header["fields"], header["arrays"]
    odd = [None, -1, 1.5, "1", [None], [1], {}, 2**60]
    found = [changed({"fields": {**fields, key: value}}) for key in fields for value in odd]
    found += [changed({"fields": value}) for value in (None, 5, [], {**fields, "more": 1})]
    found += [changed({"fields": {k: v for k, v in fields.items() if k != key}}) for key in fields]
    lists = (None, [], [None], [[]], [*arrays, ["state:more", "float32", [0]]])
    found += [changed({"arrays": value}) for value in lists]
    for k, (name, dtype, shape) in enumerate(arrays):
        kind = "int32" if dtype == "float32" else "float32"
        others = [[name, dtype, [-1]], [name, dtype, [0.5]], [name, "constructor", shape], [name, None, shape]]
        others += [["other", dtype, shape], [name, kind, shape]]
        found += [changed({"arrays": [*arrays[:k], other, *arrays[k + 1 :]]}) for other in others]
    # The first state is the highest number, the last one the language.
    found.append(changed({}, np.float32(np.nan).tobytes() + rest[4:]))
    found += [changed({}, rest[:-8] + np.int64(value).tobytes()) for value in (-1, 4, 2**62)]
    return found
