"""Every verb that opens a file asks of it what `load` asks, at every trust, and writes nothing if it refuses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from bombs import GOLDEN, hidden, model, sealed, with_nodes
from command import Command, Done
from onnx import TensorProto, helper, numpy_helper

from rnnedge.cli._app import root
from rnnedge_runtime.signing import new_key, sign

SECRET = b"TOPSECRET" * 4096


def elsewhere(tensor: onnx.TensorProto) -> None:
    """Its numbers are read out of the file beside it."""
    size = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "secret"), ("offset", "0"), ("length", str(size))):
        tensor.external_data.add(key=key, value=value)


def outside() -> bytes:
    """Weights in another file."""
    proto = model()
    elsewhere(next(tensor for tensor in proto.graph.initializer if tensor.raw_data))
    return sealed(proto)


def not_finite() -> bytes:
    """A weight is NaN."""
    proto = model()
    tensor = next(one for one in proto.graph.initializer if one.data_type == TensorProto.FLOAT)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[0] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return sealed(proto)


def unknown_field() -> bytes:
    """What no exported file has."""
    proto = model()
    proto.graph.doc_string = "x"
    return sealed(proto)


def stranger() -> bytes:
    """An operator of somebody's own."""
    proto = model()
    proto.opset_import.add(domain="own", version=1)
    return sealed(proto)


def filled() -> bytes:
    """Forty million numbers out of nothing."""
    nodes, constants = hidden([40_000_000])
    return with_nodes(nodes, **constants)


def damaged() -> bytes:
    """A bit is not what it was."""
    data = bytearray(GOLDEN.read_bytes())
    data[len(data) // 2] ^= 1
    return bytes(data)


FOREIGN: tuple[Callable[[], bytes], ...] = (outside, not_finite, unknown_field, stranger, filled)
BROKEN: tuple[Callable[[], bytes], ...] = (damaged, lambda: GOLDEN.read_bytes()[:-100], lambda: b"", lambda: b"text")
NO_FILE: tuple[Callable[[Path], object], ...] = (
    os.mkfifo,
    os.mkdir,
    lambda path: path.symlink_to("/dev/zero"),
    lambda path: path.symlink_to("nowhere"),
)
BENCH = ("--seconds", "0", "--pushes", "5", "--processes", "1")
VERBS: dict[str, tuple[str, ...]] = {
    "inspect": ("inspect", "net.onnx"),
    "verify": ("verify", "net.onnx"),
    "verify against": ("verify", "net.onnx", "--against", "factories:gru"),
    "run": ("run", "net.onnx", "x.csv", "-o", "y.csv"),
    "score": ("score", "net.onnx", "x.csv", "-o", "y.csv"),
    "serve": ("serve", "net.onnx", "--port", "0"),
    "bench": ("bench", "net.onnx", *BENCH),
    "explain": ("explain", "net.onnx", "x.csv", "-o", "page.html"),
    "generate": ("generate", "net.onnx"),
    "compile": ("compile", "net.onnx", "-o", "made/out"),
    "compile c": ("compile", "net.onnx", "-o", "out", "--target", "c"),
    "package": ("package", "net.onnx", "--for", "triton", "-o", "packed"),
}
# These refuse the file below for another reason, no taps, no text, another network; or do not end by themselves.
OTHERWISE = ("explain", "generate", "verify against", "serve")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has exported nothing; beside the file lies something that is nobody's business."""
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "secret").write_bytes(SECRET)
    np.savetxt(folder / "x.csv", np.ones((5, 4)), delimiter=",")
    return folder


def left(place: Path) -> list[str]:
    """What lies there beside what was put there, and the user's lists of what was made here."""
    put = ("secret", "x.csv", "net.onnx")
    found = [path.relative_to(place).as_posix() for path in place.rglob("*") if path.name not in put]
    return found + [path.name for path in (place.parent / "user").rglob("*") if path.name in ("built", "exported")]


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in OTHERWISE])
def test_a_file_from_somebody_else_is_taken(rnnedge: Command, place: Path, verb: str) -> None:
    """One that was exported elsewhere, so that refusing everything is no way to pass."""
    shutil.copy(GOLDEN, place / "net.onnx")
    done = rnnedge(*VERBS[verb], "--trust", "strict")
    assert done.code == 0, done.err


@pytest.mark.parametrize("verb", VERBS)
def test_what_load_refuses_every_verb_refuses(rnnedge: Command, place: Path, verb: str) -> None:
    """Said to be strict, and by itself: nothing tells that these were exported here."""
    for make in FOREIGN:
        (place / "net.onnx").write_bytes(make())
        for asked in ((), ("--trust", "strict")):
            done = rnnedge(*VERBS[verb], *asked)
            assert (done.code, done.err.count("\n"), left(place)) == (3, 1, []), f"{make.__name__} {asked}: {done}"
            assert "trust='local'" in done.err, f"{make.__name__} {asked}: {done}"


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_file_of_ours_is_refused_at_every_trust(rnnedge: Command, place: Path, verb: str) -> None:
    """Damaged ones, and pipes, folders, devices and links to nothing, none of which is waited for."""
    path = place / "net.onnx"
    for make in BROKEN:
        path.write_bytes(make())
        for asked in ((), ("--trust", "strict"), ("--trust", "local")):
            done = rnnedge(*VERBS[verb], *asked)
            assert (done.code, done.err.count("\n"), left(place)) == (3, 1, []), f"{make} {asked}: {done}"
    for put in NO_FILE:
        path.rmdir() if path.is_dir() else path.unlink()
        put(path)
        for asked in ((), ("--trust", "strict"), ("--trust", "local")):
            done = rnnedge(*VERBS[verb], *asked)
            assert (done.code, done.err.count("\n"), left(place)) == (3, 1, []), f"{put} {asked}: {done}"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_asks_for_the_signature_of_a_key(rnnedge: Command, place: Path, verb: str) -> None:
    """With `--key`, a file that is not signed, or by another key, or as an earlier release, is refused by all."""
    shutil.copy(GOLDEN, place / "net.onnx")
    for name in ("mine", "other"):
        new_key(place.parent / f"{name}.pem")
    keys = {name: ("--key", str(place.parent / f"{name}.pub.pem")) for name in ("mine", "other")}
    assert refused(rnnedge(*VERBS[verb], *keys["mine"]))
    sign(place / "net.onnx", place.parent / "mine.pem", release=1)
    assert refused(rnnedge(*VERBS[verb], *keys["other"]))
    assert refused(rnnedge(*VERBS[verb], *keys["mine"], "--release", "2"))
    assert refused(rnnedge(*VERBS[verb], *keys["mine"], "--signed-as", "another"))
    if verb not in OTHERWISE:
        done = rnnedge(*VERBS[verb], *keys["mine"], "--release", "1")
        assert done.code == 0, done.err


def refused(done: Done) -> bool:
    """Because of the signature, in one line."""
    return done.code == 3 and done.err.count("\n") == 1 and "sig" in done.err


def test_every_verb_with_a_trust_has_a_key() -> None:
    """Those that take in files of other frameworks, which nobody signs, are named."""
    options = {verb.name: {o for p in verb.params for o in p.opts} for verb in root().commands.values()}
    trusting = {name for name, given in options.items() if "--trust" in given}
    assert trusting - {"export", "adopt", "tune"} == {name for name, given in options.items() if "--signed-as" in given}
    assert {verb[0] for verb in VERBS.values()} == trusting - {"export", "adopt", "tune"}


def offline(weights: Callable[[onnx.TensorProto], None] | None = None) -> onnx.ModelProto:
    """A file for whole sequences from another framework: a product, and a state that is added to."""
    product = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    value = helper.make_tensor_value_info
    tensor = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    if weights is not None:
        weights(tensor)
    ends = [value("x", TensorProto.FLOAT, ["batch", "time", 4])], [value("y", TensorProto.FLOAT, ["batch", "time", 4])]
    graph = helper.make_graph(product, "offline", *ends, [tensor])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def stateful(weights: Callable[[onnx.TensorProto], None] | None = None) -> onnx.ModelProto:
    """A file that streams already, in a loop of somebody's own."""
    proto = offline(weights)
    value = helper.make_tensor_value_info
    proto.graph.node.add().CopyFrom(helper.make_node("Add", ["y", "h"], ["z"]))
    del proto.graph.input[:], proto.graph.output[:]
    proto.graph.input.extend(value(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "h"))
    proto.graph.output.extend(value(name, TensorProto.FLOAT, [1, 4]) for name in ("y", "z"))
    return proto


TAKEN_IN: dict[str, tuple[Callable[..., onnx.ModelProto], tuple[str, ...]]] = {
    "export": (offline, ("export", "net.onnx", "-o", "out.onnx")),
    "tune": (offline, ("tune", "net.onnx", "-o", "out.onnx", "--budget", "5", "--only", "float32")),
    "adopt": (stateful, ("adopt", "net.onnx", "-o", "out.onnx", "--state", "h:z", "--time-axis", "none")),
    "verify against": (offline, ("verify", "golden.onnx", "--against", "net.onnx")),
}


@pytest.mark.parametrize("verb", TAKEN_IN)
def test_weights_in_another_file_are_taken_in_only_if_asked_for(rnnedge: Command, place: Path, verb: str) -> None:
    """A file that is taken in from another framework is somebody else's, unless it is said to be local."""
    make, words = TAKEN_IN[verb]
    shutil.copy(GOLDEN, place / "golden.onnx")
    onnx.save(make(elsewhere), place / "net.onnx")
    before = left(place)
    for asked in ((), ("--trust", "strict")):
        done = rnnedge(*words, *asked)
        assert (done.code, done.err.count("\n"), left(place)) == (3, 1, before), f"{asked}: {done}"
        assert "expected weights in the file itself, found them in another" in done.err
    if verb in ("export", "adopt"):
        assert rnnedge(*words, "--trust", "local").code == 0
        (place / "out.onnx").unlink()
        onnx.save(make(), place / "net.onnx")
        assert rnnedge(*words).code == 0


@pytest.mark.parametrize("verb", TAKEN_IN)
def test_what_is_no_onnx_file_is_not_taken_in(rnnedge: Command, place: Path, verb: str) -> None:
    """At any trust; pipes, folders, devices and links to nothing are not waited for."""
    _, words = TAKEN_IN[verb]
    shutil.copy(GOLDEN, place / "golden.onnx")
    path = place / "net.onnx"
    path.write_bytes(b"text")
    before = left(place)
    for put in (lambda path: path.write_bytes(b"text"), *NO_FILE):
        path.rmdir() if path.is_dir() else path.unlink()
        put(path)
        for asked in ((), ("--trust", "local")):
            done = rnnedge(*words, *asked)
            assert (done.code, done.err.count("\n"), left(place)) == (3, 1, before), f"{put} {asked}: {done}"
