"""What a parser of foreign bytes may answer: a value or an `RnnEdgeError`; the seeds that fuzzers start from.

Each target takes any bytes and returns; whatever else it raises is a defect. `test_parsers.py` drives the targets with
random mutations, `coverage_guided.py` with those that atheris finds.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import warnings
import wave
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge.frames._readers import read_frames
from rnnedge_runtime import Contract, Model, RnnEdgeError, load
from rnnedge_runtime._snapshot import Snapshot, pack, unpack
from rnnedge_runtime.contract_json import dump, parse

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
_MAGIC = b"rnnedge-snapshot 1\n"
_CUT = "\n---\n"
# What a field of a contract is replaced by, as JSON.
_VALUES = [
    *"null true 0 1 -1 3 1099511627776 -1180591620717411303424 0.5 NaN -Infinity 1e308 1e999".split(),
    *'"" "time" "\\u0000" "batch" "9*batch" "int64" "AACAPw==" "é"'.split(),
    *'[] [0] [1180591620717411303424] [2,0,1] [[]] ["batch","time"] {} {"":0}'.split(),
    "1" + "0" * 400,
]


@dataclass(frozen=True)
class Target:
    """A parser to feed, and inputs that it accepts."""

    feed: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def contract(data: bytes) -> None:
    """`data`: the text of the contract, and that of the golden sample behind a line of three dashes."""
    text, _, golden = data.decode(errors="replace").partition(_CUT)
    entries = {"rnnedge.schema": "1", "rnnedge.contract": text} | ({"rnnedge.golden": golden} if golden else {})
    try:
        found = parse(entries, "fuzz")
    except RnnEdgeError:
        return
    # What was accepted can be written and means the same again.
    assert dump(parse(dump(found), "fuzz")) == dump(found)


def fields(data: bytes) -> None:
    """Each pair of bytes of `data` names a place in a good contract and what stands there instead."""
    text, _, golden = _contract_seeds()[1].decode().partition(_CUT)
    halves = [json.loads(text), json.loads(golden)]
    for place, value in zip(data[::2], data[1::2], strict=False):
        places = list(_places(halves))
        holder, key = places[place % len(places)]
        holder[key] = json.loads(_VALUES[value % len(_VALUES)])
    contract(_CUT.join(map(json.dumps, halves)).encode())


def snapshot(data: bytes) -> None:
    """`data` as a file, and as a body under a right checksum."""
    for whole in (data, _MAGIC + hashlib.sha256(data).digest() + data):
        try:
            unpack(whole, "fuzz")
        except RnnEdgeError:
            continue


def table(data: bytes) -> None:
    """`data` as a .csv file of frames, for a model of numbers and for one of tokens."""
    _read_all("frames.csv", data, _contracts("float32", 4), _contracts("int64", 1))


def sound(data: bytes) -> None:
    """`data` as a .wav file, for a model of single samples and for one of four a frame."""
    _read_all("sound.wav", data, _contracts("float32", 1), _contracts("float32", 4))


TARGETS = {
    "contract": Target(contract, lambda: _contract_seeds()),
    "fields": Target(fields, lambda: [bytes(range(8)), b"\x00"]),
    "snapshot": Target(snapshot, lambda: _snapshot_seeds()),
    "table": Target(table, lambda: _table_seeds()),
    "sound": Target(sound, lambda: _sound_seeds()),
}


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every list or dict inside `value` with each of its keys."""
    if isinstance(value, list | dict):
        for key in list(range(len(value)) if isinstance(value, list) else value):
            yield from _places(value[key])
            yield value, key


@cache
def _model() -> Model:
    return load(GOLDEN)


@cache
def _contracts(dtype: str, size: int) -> Contract:
    known = _model().contract
    port = replace(known.inputs[0], dtype=dtype, shape=("time", "batch", size))
    return replace(known, inputs=(port,), frame_rate_hz=None)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory if memory.is_dir() else None)


def read(name: str, data: bytes, dtype: str, size: int) -> list[list[float]]:
    """The frames of a file for a model of `size` features of `dtype`."""
    path = Path(_folder().name) / name
    path.write_bytes(data)
    return [row for frames in read_frames(str(path), _contracts(dtype, size)) for row in frames.tolist()]


def replaced(field: str, value: object) -> Contract:
    """A good contract whose `field` is `value`, parsed."""
    entries = dump(_model().contract)
    text = json.dumps({**json.loads(entries["rnnedge.contract"]), field: value})
    return parse({**entries, "rnnedge.contract": text}, "fuzz")


def _read_all(name: str, data: bytes, *contracts: Contract) -> None:
    path = Path(_folder().name) / name
    path.write_bytes(data)
    for known in contracts:
        # A warning of another library would reach the person at the terminal.
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("error")
            # Bytes that are a sound tell a model nothing of what its numbers are.
            warnings.filterwarnings("ignore", ".*samples in a row are taken for a frame")
            warnings.filterwarnings("ignore", message=".* (no whole (frame|sample)|bytes after the samples)")
            try:
                for frames in read_frames(str(path), known):
                    assert isinstance(frames, np.ndarray)
                    assert frames.dtype == known.inputs[0].dtype and frames.shape[1:] == known.inputs[0].frame_shape
            except RnnEdgeError:
                continue


@cache
def _contract_seeds() -> list[bytes]:
    entries = dump(_model().contract)
    fields = json.loads(entries["rnnedge.contract"])
    fields["normalization"] = {"mean": [0.5, 1, 2, 3], "std": [1.0, 2.0, 3.0, 4.0]}
    fields["cursors"] = [
        {"name": "end", "kind": "mask", "clock": {"rate": [1, 2], "delay": -3, "length": [[2, -1, 1]]}}
    ]
    fields["states"][0]["initial"] = {"dtype": "float32", "shape": [1], "data": "AACAPw=="}
    fields |= {"form": "step", "chunk": 2, "frame_rate_hz": None}
    golden = {"inputs": {"x": fields["states"][0]["initial"]}, "outputs": {}, "tolerance": 1e-5}
    return [
        entries["rnnedge.contract"].encode(),
        (json.dumps(fields) + _CUT + json.dumps(golden)).encode(),
    ]


def _snapshot_seeds() -> list[bytes]:
    stream = _model().stream()
    stream.push(np.ones((3, 4), np.float32))
    arrays = {"a": np.arange(4, dtype=np.int64).reshape(2, 2), "b": np.zeros((0, 3), np.float16), "c": np.bool_([1])}
    small = pack(Snapshot("digest", "weights", {"batch": 1, "frames": 3}, arrays))
    whole = stream.snapshot()
    return [whole, small, whole[len(_MAGIC) + 32 :], small[len(_MAGIC) + 32 :]]


def _table_seeds() -> list[bytes]:
    return [
        b"a,b,c,d\n1,2,3,4\n-5.5,6e-3,.7,8\n",
        b"[1, 2, 3, 4]\r\n[[5, 6], [7, 8.5]]\n",
        b'"1","2",3,4\n\n 1,2,3,4 ',
        b"token\n5\n7\n0\n",
    ]


def _sound_seeds() -> list[bytes]:
    seeds = []
    for channels, width, samples in ((1, 2, 8), (1, 2, 9), (2, 2, 4), (1, 1, 5)):
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setparams((channels, width, 8000, 0, "NONE", ""))
            file.writeframes(bytes(range(channels * width * samples)))
        seeds.append(buffer.getvalue())
    # A chunk that readers skip stands before the samples.
    seeds.append(seeds[0][:12] + b"LIST\x05\x00\x00\x00notes\x00" + seeds[0][12:])
    return seeds
