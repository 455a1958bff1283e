"""A file is loaded whole and unharmed, or refused in one line."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from exported import Exported
from in_one_test import in_one_test
from onnx import TensorProto, helper

import rnnedge_runtime.contract_json as contract_json
from rnnedge_runtime import (
    Contract,
    ContractError,
    ModelRefused,
    Port,
    ProviderError,
    State,
    VerificationError,
    load,
    replay,
)
from rnnedge_runtime.checksum import check_seal, seal
from rnnedge_runtime.clock import Clock
from rnnedge_runtime.contract import Cursor
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.loader import load_bytes


def rewritten(exported: Exported, folder: Path, change: Any) -> Path:
    """The file with its JSON contract changed by `change`, sealed again."""
    proto = onnx.load(exported.path)
    props = {p.key: p for p in proto.metadata_props}
    proto.metadata_props.remove(props["rnnedge.sha256"])
    fields = json.loads(props["rnnedge.contract"].value)
    change(fields)
    props["rnnedge.contract"].value = json.dumps(fields)
    path = folder / "changed.onnx"
    path.write_bytes(seal(proto.SerializeToString()))
    return path


def test_the_seal_is_the_sha256_of_everything_before_it(native: Exported) -> None:
    """Any tool can check it: the last 64 bytes are the digest of the rest."""
    data = native.path.read_bytes()
    assert data[-64:].decode() == hashlib.sha256(data[:-64]).hexdigest() == native.model.digest


def test_a_sealed_file_is_plain_onnx(native: Exported) -> None:
    """onnx reads and checks it, and finds the seal among the metadata."""
    proto = onnx.load(native.path)
    onnx.checker.check_model(proto, full_check=True)
    assert {p.key for p in proto.metadata_props} == {
        "rnnedge.schema",
        "rnnedge.contract",
        "rnnedge.golden",
        "rnnedge.sha256",
    }


def test_every_damaged_byte_is_noticed(native: Exported, tmp_path: Path) -> None:
    """400 single-byte changes all over the file, each refused before onnxruntime sees it."""
    data = native.path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(data), 400):
        damaged = bytearray(data)
        damaged[place] ^= int(rng.integers(1, 256))
        with pytest.raises(ModelRefused, match=r"damaged|not an rnnedge model") as caught:
            check_seal(bytes(damaged), "m.onnx")
        assert "\n" not in str(caught.value)
    path = tmp_path / "damaged.onnx"
    path.write_bytes(bytes(damaged))
    with pytest.raises(ModelRefused, match="damaged"):
        load(path)


def test_a_damaged_seal_is_shown_in_one_line(native: Exported) -> None:
    """Line breaks among its digits do not break the message."""
    data = native.path.read_bytes()
    with pytest.raises(ModelRefused, match="damaged: its content hashes to") as caught:
        check_seal(data[:-64] + b"\n\x00\x1b" + data[-61:], "m.onnx")
    assert str(caught.value).isprintable()


def test_a_file_cut_short_is_refused(native: Exported, tmp_path: Path) -> None:
    """At any length."""
    data = native.path.read_bytes()
    for length in (0, 1, 63, 64, 100, len(data) // 2, len(data) - 1):
        path = tmp_path / "short.onnx"
        path.write_bytes(data[:length])
        with pytest.raises(ModelRefused, match=r"damaged|not an rnnedge model"):
            load(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    """The reason is the system's own."""
    with pytest.raises(ModelRefused, match="No such file"):
        load(tmp_path / "none.onnx")
    with pytest.raises(ModelRefused, match="directory"):
        load(tmp_path)


def test_somebody_else_s_onnx_is_refused_with_the_way_to_make_one(tmp_path: Path) -> None:
    """A valid ONNX file without a contract is not ours, sealed or not."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()
    (tmp_path / "plain.onnx").write_bytes(data)
    with pytest.raises(ModelRefused, match="rnnedge export"):
        load(tmp_path / "plain.onnx")
    (tmp_path / "sealed.onnx").write_bytes(seal(data))
    with pytest.raises(ContractError, match="schema 1, found none"):
        load(tmp_path / "sealed.onnx")


def test_sealed_bytes_that_are_no_model_are_refused(tmp_path: Path) -> None:
    """Whatever onnxruntime raises becomes one type."""
    for junk in (b"", b"\x00" * 50, b"hello", "\u00e9".encode() * 30):
        (tmp_path / "junk.onnx").write_bytes(seal(junk))
        with pytest.raises(ModelRefused):
            load(tmp_path / "junk.onnx")


@in_one_test(
    ("change", "words"),
    [
        (lambda c: c["inputs"][0].update(shape=["time", "batch", 7]), r"input 'x': the contract promises"),
        (lambda c: c["inputs"][0].update(dtype="int64"), r"promises int64"),
        (lambda c: c["inputs"][0].update(name="z"), r"graph input 'x' is not in the contract"),
        (lambda c: c["states"].pop(), r"is not in the contract"),
        (
            lambda c: c["states"].append({**c["states"][0], "input": "ghost", "output": "ghost_next"}),
            r"names input 'ghost'",
        ),
        (lambda c: c.update(form="magic"), r"contract.form: expected one of native"),
        (lambda c: c.update(form="step"), r"fixed number of frames"),
        (lambda c: c.update(chunk=0), r"contract.chunk: expected an integer >= 1"),
        (lambda c: c.update(chunk=True), r"contract.chunk"),
        (lambda c: c.pop("hop"), r"malformed contract \(KeyError: 'hop'\)"),
        (lambda c: c.update(hop=0), r"contract.hop: expected an integer >= 1"),
        (lambda c: c["outputs"][0]["clock"].update(rate=[1, 3]), r"no whole number of frames of 'y'"),
        (lambda c: c["outputs"][0]["clock"].update(rate=[0, 1]), r"clock.rate: expected an integer >= 1"),
        (lambda c: c["outputs"][0]["clock"].update(length=[[1, 0, 0]]), r"clock.length: expected an integer >= 1"),
        (lambda c: c["states"][0]["shape"].append("__import__"), r"shape: expected a list of dims"),
        (lambda c: c["cursors"].append({"name": "n", "kind": "last", "clock": c["inputs"][0]["clock"]}), r"input 'n'"),
        (lambda c: c.update(inputs=[]), r"at least one input"),
        (lambda c: c["inputs"][0].update(time_axis=9), r"an axis of"),
        (lambda c: c["states"][0].update(initial={"dtype": "float32", "shape": [3], "data": "AAAA"}), r"malformed"),
        (lambda c: c["states"][0].update(initial={"dtype": "float32", "shape": [1], "data": "%"}), r"not base64"),
        (lambda c: c["states"][0].update(initial="zero"), r"expected a number"),
        (lambda c: c["labels"].append(3), r"contract.labels: expected text"),
    ],
)
def test_a_contract_that_contradicts_its_graph_is_refused(
    native: Exported, tmp_path: Path, change: Any, words: str
) -> None:
    """Even where the seal fits, every promise is compared with the graph."""
    with pytest.raises(ContractError, match=words) as caught:
        load(rewritten(native, tmp_path, change))
    assert "\n" not in str(caught.value)


def test_a_contract_survives_the_way_into_text_and_back() -> None:
    """Every field, learned states and summaries among them."""
    port = Port("x", "float32", ("batch", "time", 3), 0, 1)
    contract = Contract(
        inputs=(port,),
        outputs=(Port("y", "float32", ("batch", 2), 0, None, per_frame=False),),
        states=(State("h", "h_next", "float32", (1, "batch", 2), 1, np.array([[[1.5, -2.0]]], np.float32)),),
        form="unrolled",
        opset=21,
        chunk=4,
        cursors=(Cursor("within", "mask", Clock(Fraction(1, 2), 3, ((1, -2, 2),))),),
        frame_rate_hz=62.5,
        labels=("yes", "nö"),
        provenance={"torch": "2"},
    )
    again = contract_json.parse(contract_json.dump(contract), "m")
    assert contract_json.dump(again) == contract_json.dump(contract)
    np.testing.assert_array_equal(again.states[0].initial, contract.states[0].initial)
    assert (again.inputs, again.outputs, again.labels) == (contract.inputs, contract.outputs, contract.labels)
    assert again.cursors == contract.cursors


def test_a_provider_that_is_asked_for_is_the_one_in_use(native: Exported) -> None:
    """`auto` says what it took; an absent or unknown one is an error, never something else."""
    assert load(native.path, provider="auto").provider in ("cpu", "cuda")
    assert load(native.path).provider == "cpu"
    with pytest.raises(ProviderError, match=r"expected auto or one of .*cpu, cuda"):
        load(native.path, provider="tpu")


def test_an_absent_provider_is_an_error(native: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an onnxruntime that has no CUDA, "cuda" names what to install and "auto" is "cpu"."""
    from rnnedge_runtime.engines.onnx_runtime import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ProviderError, match=r"it has cpu.*rnnedge\[gpu\]"):
        load(native.path, provider="cuda")
    assert load(native.path, provider="auto").provider == "cpu"


def test_a_provider_that_does_not_start_is_an_error(native: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime falls back to the CPU with no more than a printed line; we do not."""
    from rnnedge_runtime.engines.onnx_runtime import onnxruntime

    class Fallen(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, model: bytes, options: Any, providers: list[str], enable_fallback: int) -> None:
            super().__init__(model, options, providers=["CPUExecutionProvider"])

    present = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: present)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Fallen)
    with pytest.raises(ProviderError, match="did not start"):
        load(native.path, provider="cuda")


def test_a_provider_that_fails_is_told_from_a_file_that_does(
    native: Exported, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A device that is broken is a `ProviderError`, a file that no provider takes is refused; stdout stays empty."""
    from rnnedge_runtime.engines.onnx_runtime import onnxruntime

    class Broken(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, model: bytes, options: Any, providers: list[str], enable_fallback: int) -> None:
            if providers != ["CPUExecutionProvider"]:
                raise RuntimeError("no CUDA-capable device is detected")
            super().__init__(model, options, providers=providers, enable_fallback=enable_fallback)

    present = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: present)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Broken)
    with pytest.raises(ProviderError, match="did not start, though 'cpu' does: no CUDA-capable device"):
        load(native.path, provider="cuda")
    for provider in present:
        name = provider.removesuffix("ExecutionProvider").lower()
        with pytest.raises(ModelRefused):
            load_bytes(seal(b"\x08\x0a"), settings=Settings(name), trust="local")
    assert capsys.readouterr().out == ""


def test_the_golden_sample_replays(tagger: Exported) -> None:
    """What PyTorch computed at export time comes out of the file again, in every form."""
    report = replay(tagger.model)
    assert report.passed
    assert report.frames == 16
    assert 0 < report.max_error < report.tolerance


def test_a_golden_sample_that_differs_is_noticed(native: Exported, tmp_path: Path) -> None:
    """One changed weight of a sealed file shows in the replay."""
    proto = onnx.load(native.path)
    weights = max(proto.graph.initializer, key=lambda t: len(t.raw_data))
    values = np.frombuffer(weights.raw_data, np.float32).copy()
    values[::3] += 0.5
    weights.raw_data = values.tobytes()
    proto.metadata_props.remove(next(p for p in proto.metadata_props if p.key == "rnnedge.sha256"))
    (tmp_path / "m.onnx").write_bytes(seal(proto.SerializeToString()))
    assert not replay(load(tmp_path / "m.onnx", trust="local")).passed
    with pytest.raises(ModelRefused, match="golden sample: expected an error of at most"):
        load(tmp_path / "m.onnx")


def test_errors_are_builtins_too() -> None:
    """A caller that knows nothing of rnnedge catches them as what they are."""
    assert issubclass(ModelRefused, ValueError)
    assert issubclass(ContractError, ModelRefused)
    assert issubclass(ProviderError, RuntimeError)
    assert issubclass(VerificationError, ArithmeticError)
