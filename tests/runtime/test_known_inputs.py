"""Pushes of several inputs whose sizes were seen before: a dict takes the short way, too, and means the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
from idioms import IDIOMS
from native_library import compile_library

from rnnedge_runtime import InputError, Model, load
from rnnedge_runtime._sequence_runner import Sequence

Frames = dict[str, np.ndarray[Any, Any]]
_SIZES = (1, 3, 2, 1, 3, 2, 2, 1)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two inputs of features and one of tokens, a frame of delay, its library beside it."""
    folder = tmp_path_factory.mktemp("inputs")
    idiom = IDIOMS["several-inputs"]
    quickly.export(idiom.build().eval(), idiom.example, folder / "net.onnx", form="native")
    compile_library((folder / "net.onnx").read_bytes(), folder, block=2)
    return folder / "net.onnx"


@pytest.fixture(params=["cpu", "native"])
def model(request: pytest.FixtureRequest, path: Path) -> Model:
    """On either engine."""
    return load(path, provider=request.param)


def _draw(model: Model) -> Frames:
    rng, found = np.random.default_rng(0), {}
    for port in model.contract.inputs:
        shape = (sum(_SIZES), *map(int, port.frame_shape))
        numbers = rng.standard_normal(shape) if port.dtype == "float32" else rng.integers(0, 5, shape)
        found[port.name] = numbers.astype(port.dtype)
    return found


def _cut(frames: Frames) -> list[Frames]:
    ends = np.cumsum(_SIZES)
    return [{n: a[end - size : end] for n, a in frames.items()} for size, end in zip(_SIZES, ends, strict=True)]


def test_known_sizes_of_several_inputs_give_what_the_whole_gives(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """In any order of names; and none of them takes the long way a second time."""
    frames, stream, again = _draw(model), model.stream(), model.stream()
    whole = np.concatenate([again.push(frames), again.finish()])
    for part in _cut(frames):
        stream.push(part)
    stream.reset()
    first = stream.push(_cut(frames)[0])
    monkeypatch.setattr(Sequence, "_push_any", lambda *_: pytest.fail("took the long way"))
    rest = [stream.push(dict(reversed(part.items()))) for part in _cut(frames)[1:]]
    np.testing.assert_allclose(np.concatenate([first, *rest, stream.finish()]), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("wrong", ["nan", "length", "name", "kind"])
def test_a_known_size_still_refuses_what_does_not_fit(model: Model, wrong: str) -> None:
    """Of any input, with the stream as it was."""
    frames, stream = _draw(model), model.stream()
    parts = [*_cut(frames), *_cut(frames)]
    for part in parts:
        stream.push(part)
    bad = {name: array.copy() for name, array in parts[1].items()}
    second = model.contract.inputs[1].name
    if wrong == "nan":
        bad[second][-1] = np.nan
    elif wrong == "length":
        bad[second] = bad[second][:-1]
    elif wrong == "name":
        bad["other"] = bad.pop(second)
    else:
        bad[second] = bad[second].astype(str)
    before = stream.snapshot()
    with pytest.raises(InputError):
        stream.push(bad)
    assert stream.snapshot() == before
