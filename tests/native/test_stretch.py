"""Many frames at once on the native engine: calls of several steps, made one after the other or together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import quickly
from exported import export_network
from idioms import IDIOMS

from rnnedge_export.codegen import _stretch
from rnnedge_export.codegen._build import Built, build_in
from rnnedge_export.codegen._source import write_c
from rnnedge_export.codegen._stretch import STEPS
from rnnedge_export.codegen.prove import _native
from rnnedge_runtime import Model, load
from rnnedge_runtime.errors import RnnEdgeError
from rnnedge_runtime.golden import max_error, named

FRAMES = 2 * STEPS + 5


def _file(name: str, folder: Path) -> Path:
    if name not in IDIOMS:
        return export_network(name, "native", folder).path
    idiom = IDIOMS[name]
    quickly.export(idiom.build(), idiom.example, folder / "net.onnx", form="native")
    return folder / "net.onnx"


@pytest.fixture(scope="module", params=["both", "tokens", "dense", "spectrum"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Built, Model, Model]]:
    """A library of a file that takes any number of frames: with summaries, a table, windows, frames of samples."""
    folder = tmp_path_factory.mktemp("stretch")
    path = _file(request.param, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        built = build_in(path.read_bytes(), "native", folder)
        yield built, _native(path.read_bytes(), built), load(path, trust="local")


def _draw(model: Model, frames: int) -> np.ndarray:
    port, rng = model.contract.inputs[0], np.random.default_rng(0)
    shape = (frames * model.contract.unit, *port.frame_shape)
    numbers = rng.standard_normal(shape) if port.dtype == "float32" else rng.integers(0, 5, shape)
    return numbers.astype(port.dtype)


def _pushed(model: Model, frames: np.ndarray, *cuts: int) -> dict[str, np.ndarray]:
    """The outputs of pushes from cut to cut and of the end."""
    stream, contract = model.stream(), model.contract
    parts = [named(contract, stream.push(part)) for part in np.split(frames, [cut * contract.unit for cut in cuts])]
    parts.append(named(contract, stream.finish()))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _check(found: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> None:
    for name, expected in right.items():
        assert max_error(found[name], expected) <= 1e-5 * float(np.abs(expected).max()), name


def test_many_frames_at_once_are_those_frames(pair: tuple[Built, Model, Model]) -> None:
    """Whole stretches and what is left, from the beginning and from within, are steps one by one, and onnxruntime's."""
    built, native, plain = pair
    assert f"#define RNNEDGE_STRETCH {STEPS} " in built.source.c
    frames = _draw(native, FRAMES)
    steps, right = _pushed(native, frames, *range(1, FRAMES)), _pushed(plain, frames)
    for cuts in ((), (7,), (STEPS,), (STEPS + 1, STEPS + 3)):
        found = _pushed(native, frames, *cuts)
        _check(found, steps)
        _check(found, right)


def test_a_stream_goes_on_elsewhere_after_a_stretch(pair: tuple[Built, Model, Model]) -> None:
    """Its states are all in place: the other engine goes on from a snapshot of it."""
    _, native, plain = pair
    frames, contract = _draw(native, FRAMES), native.contract
    cut = (STEPS + 2) * contract.unit
    before, after = native.stream(), plain.stream()
    parts = [named(contract, before.push(frames[:cut]))]
    after.restore(before.snapshot())
    parts += [named(contract, after.push(frames[cut:])), named(contract, after.finish())]
    _check({name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, _pushed(plain, frames))


def test_a_row_that_no_table_has_is_refused_within_a_stretch(pair: tuple[Built, Model, Model]) -> None:
    """The stream is as it was."""
    _, native, _ = pair
    frames = _draw(native, FRAMES)
    if frames.dtype.kind == "f":
        pytest.skip("takes no rows of a table")
    stream = native.stream()
    before, wrong = stream.snapshot(), frames.copy()
    wrong[STEPS // 2] = 1 << 20
    with pytest.raises(RnnEdgeError, match=r"row|expected a number from 0 to"):
        stream.push(wrong)
    assert stream.snapshot() == before


def test_fewer_steps_at_once_where_all_of_them_need_too_much_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as fit: a step that takes hundreds of samples by itself is made several at once, too."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = _file("spectrum", tmp_path)
    memory = [one.memory.floats for one in write_c(path.read_bytes(), "net", lanes=8, stretch=True).programs]
    monkeypatch.setattr(_stretch, "_MOST_BYTES", 4 * memory[0] * 3 // 5)
    built = build_in(path.read_bytes(), "native", tmp_path)
    assert "#define RNNEDGE_STRETCH 12 " in built.source.c
    native = _native(path.read_bytes(), built)
    frames = _draw(native, FRAMES)
    _check(_pushed(native, frames, 7), _pushed(load(path, trust="local"), frames))
    monkeypatch.setattr(_stretch, "_MOST_BYTES", 4)
    assert "#define RNNEDGE_STRETCH 1 " in write_c(path.read_bytes(), "net", lanes=8, stretch=True).c


def test_a_file_of_any_number_of_frames_keeps_its_windows_in_rings(tmp_path: Path) -> None:
    """As one of single frames does: no window is moved by a step."""
    for form, places in (("native", tmp_path / "native.onnx"), ("step", tmp_path / "step.onnx")):
        idiom = IDIOMS["dense"]
        quickly.export(idiom.build(), idiom.example, places, form=form)
        program = write_c(places.read_bytes(), "net", lanes=8).programs[0]
        assert len(program.rings) == len(program.states) == 3, form
