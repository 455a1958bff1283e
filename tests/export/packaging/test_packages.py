"""Packages for other engines: each gives what the file gives, in its own engine, or is not written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import conditioned
import numpy as np
import onnx
import pytest
import quickly
import torch
from torch import nn
from windows import Ahead

from rnnedge_export.packaging import KINDS, Proof, _model_card, _package, package
from rnnedge_export.packaging._network import Network, Runner
from rnnedge_export.packaging._self_contained import SelfContained, self_contained
from rnnedge_export.packaging._triton_batcher import Batcher, Request
from rnnedge_export.packaging._triton_config import read
from rnnedge_runtime import InputError, ModelRefused, ProviderError, VerificationError, load
from rnnedge_runtime.checksum import seal
from rnnedge_runtime.contract import Array
from rnnedge_runtime.loader import load_bytes


class Held(nn.Module):
    """Windows, and behind them a layer that starts from numbers that were learned, once the first window is full."""

    def __init__(self) -> None:
        super().__init__()
        self.windows = nn.Conv1d(1, 6, 8, stride=4)
        self.start = nn.Parameter(torch.randn(1, 1, 5))
        self.layer = nn.GRU(6, 5, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, time, 1) to (batch, windows, 5)."""
        features = self.windows(x.transpose(1, 2)).tanh().transpose(1, 2)
        return self.layer(features, self.start.expand(-1, x.shape[0], -1).contiguous())[0]


class Reader(nn.Module):
    """Tokens, which name rows of a table; scores of each, and one summary."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 4)
        self.layer = nn.LSTM(4, 6, batch_first=True)

    def forward(self, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        """(batch, time) to (batch, time, 6) and (batch, 6)."""
        found = self.layer(self.table(tokens))[0]
        return {"y": found, "last": found[:, -1]}


class Bare(nn.Module):
    """Windows of tokens longer than a proof is by itself; one score of each, so nothing stands behind the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 1)
        self.windows = nn.Conv1d(1, 1, 1600, stride=400)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(batch, time) to (batch, windows)."""
        return self.windows(self.table(tokens).transpose(1, 2))[:, 0]


class Decisions(nn.Module):
    """A class and a flag of each frame: nothing stands behind the batch, nor in front of it in a step."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.GRU(3, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(batch, time, 3) to (batch, time, 4), (batch, time) and (batch, time)."""
        y = self.layer(x)[0]
        return y, y.argmax(-1), y[..., 0] > 0


class Mean(nn.Module):
    """What a frame is beyond the mean of all until then."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, time, 3) to the same."""
        return x - torch.cumsum(x, 1) / torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file for each thing that a caller of the graph would have to know."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("files")
    quickly.export(Ahead().eval(), torch.randn(1, 40, 1), folder / "mask.onnx", form="step")
    quickly.export(Held().eval(), torch.randn(1, 40, 1), folder / "held.onnx")
    quickly.export(Reader().eval(), torch.randint(0, 9, (1, 12)), folder / "tokens.onnx", form="unrolled", chunk=4)
    quickly.export(Decisions().eval(), torch.randn(1, 40, 3), folder / "decisions.onnx", form="step")
    (folder / "context.onnx").write_bytes(conditioned.file())
    return {path.stem: path for path in folder.iterdir()}


GOLDEN = Path(__file__).parents[2] / "data" / "golden_gru.onnx"
NAMES = ("mask", "held", "tokens", "decisions", "context")


@pytest.mark.parametrize("kind", ["openvino", "triton"])
@pytest.mark.parametrize("name", NAMES)
def test_an_engine_that_knows_no_contract_gives_what_push_gives(
    files: dict[str, Path], name: str, kind: str, tmp_path: Path
):
    """Masks, warm-up, first values, delays and values per sequence are all inside the graph."""
    if kind == "openvino":
        pytest.importorskip("openvino")
    made = package(files[name].read_bytes(), kind, tmp_path / "out", name="net")
    assert made.proof.frames == 1000 and made.proof.max_error <= made.proof.tolerance == 1e-5
    assert made.files and all(path.is_file() for path in made.files)


def test_a_name_that_xml_does_not_have_is_refused(tmp_path: Path):
    """OpenVINO writes it, and nothing but OpenVINO reads it; what XML has is escaped."""
    pytest.importorskip("openvino")
    for name, words in (("a\x01b", "a name in the file holds a character that XML does not have"), ("<a & b>", "")):
        proto = onnx.load(GOLDEN)
        del proto.metadata_props[-1]
        for node in proto.graph.node:
            node.name = f"{node.name} {name}"
        data = seal(proto.SerializeToString())
        if words:
            with pytest.raises(ProviderError, match=words):
                package(data, "openvino", tmp_path / "no", name="net")
            assert not (tmp_path / "no").exists()
        else:
            (written,) = (path for path in package(data, "openvino", tmp_path / "yes", name="net").files
                          if path.suffix == ".xml")  # fmt: skip
            ElementTree.parse(written)


@pytest.mark.parametrize("kind", ["openvino", "triton"])
def test_a_window_longer_than_the_proof_is_filled_and_followed(kind: str, tmp_path: Path):
    """Else nothing would be compared. To Triton a tensor without an axis behind the batch is none."""
    if kind == "openvino":
        pytest.importorskip("openvino")
    file = tmp_path / "bare.onnx"
    quickly.export(Bare().eval(), torch.randint(0, 5, (1, 2400)), file)
    made = package(file.read_bytes(), kind, tmp_path / "out", name="net")
    assert made.proof.frames >= 1600 + 10 * 400


def test_sequences_that_share_a_frame_number_share_no_call_of_triton(tmp_path: Path):
    """A mean of all frames so far divides by their number, which a batch has once."""
    file = tmp_path / "mean.onnx"
    quickly.export(Mean().eval(), torch.randn(2, 20, 3), file)
    made = package(file.read_bytes(), "triton", tmp_path / "out", name="net")
    assert made.note and "sequences of one batch disturb each other" in made.note
    config = read((tmp_path / "out" / "net" / "config.pbtxt").read_text(encoding="utf-8"))
    assert config.max_batch_size == 0 and made.proof.max_error <= 1e-5


def test_calls_count_no_further_than_they_matter(files: dict[str, Path]):
    """An engine with 32-bit integers does not overflow after a day."""
    graph = _graph(files["held"])
    counted = next(state for state in graph.states if state.input == "calls")
    assert (counted.dtype, counted.shape) == ("int64", (1,))
    session = _session(graph.model)
    feeds = {one.name: np.zeros((1, *one.shape), one.dtype) for one in graph.inputs}
    feeds |= {one.input: np.zeros((1, *one.shape), one.dtype) for one in graph.states}
    seen = []
    for _ in range(6):
        feeds["calls"] = session.run([counted.output], feeds)[0]
        seen.append(feeds["calls"].item())
    assert seen[0] == 1 and seen[-1] == seen[-2] == max(seen)


def test_a_graph_whose_sequences_are_apart_takes_any_batch(files: dict[str, Path]):
    """A mask of the beginning, which has no batch axis, keeps a graph at one sequence."""
    assert {name: _graph(files[name]).batched for name in NAMES} == {
        "mask": False,
        "held": True,
        "tokens": True,
        "decisions": True,
        "context": True,
    }


class Wrong:
    """A kind whose engine is off by a little, or keeps its state over a reset."""

    name, summary = "wrong", ""

    def __init__(self, off: float, keeps: bool) -> None:
        self.off, self.keeps = off, keeps

    def write(self, network: Network, folder: Path) -> None:
        (folder / "file").write_bytes(network.data)

    def open(self, network: Network, folder: Path) -> tuple[str, Runner]:
        _, runner = KINDS["huggingface"].open(_with_file(network, folder), folder)
        return "an engine", _Off(runner, self.off, self.keeps)

    def finish(self, network: Network, folder: Path, proof: Proof) -> None:
        (folder / "proof").write_text(str(proof))


class _Off:
    def __init__(self, runner: Runner, off: float, keeps: bool) -> None:
        self.runner, self.off, self.keeps = runner, off, keeps

    def push(self, frames: Mapping[str, Array]) -> Mapping[str, Array]:
        return {name: array + np.float32(self.off) for name, array in self.runner.push(frames).items()}

    def reset(self, context: Mapping[str, Array] | None = None) -> None:
        if not self.keeps:
            self.runner.reset(context)


def _with_file(network: Network, folder: Path) -> Network:
    (folder / "model.onnx").write_bytes(network.data)
    return network


@pytest.mark.parametrize(("off", "keeps", "refused"), [(0, False, False), (1e-3, False, True), (0, True, True)])
def test_an_engine_that_gives_something_else_leaves_nothing(
    files: dict[str, Path], off: float, keeps: bool, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The proof comes before the first file; it sees a state that a reset leaves, too."""
    monkeypatch.setitem(KINDS, "wrong", Wrong(off, keeps))
    if not refused:
        assert len(package(files["held"].read_bytes(), "wrong", tmp_path / "out").files) == 3
        return
    with pytest.raises(VerificationError, match="for wrong: expected an error of at most 1e-05"):
        package(files["held"].read_bytes(), "wrong", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


class _Bounded(_Off):
    def push(self, frames: Mapping[str, Array]) -> Mapping[str, Array]:
        return self.runner.push({name: np.clip(array, -20, 20) for name, array in frames.items()})


def test_an_engine_is_proven_beyond_random_frames(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One that takes frames beyond 20 for 20 is refused: random frames never are."""
    kind = Wrong(0, False)
    monkeypatch.setattr(kind, "open", lambda *a: ("an engine", _Bounded(Wrong.open(kind, *a)[1].runner, 0, False)))
    monkeypatch.setitem(KINDS, "wrong", kind)
    with pytest.raises(VerificationError, match=r"for wrong: output 'y', .*signal '(x 30|int16)'"):
        package(files["mask"].read_bytes(), "wrong", tmp_path / "out")


def test_what_is_there_stays(files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Other files of the folder are let be; one of the same name, or a failure, and nothing is written."""
    data = files["held"].read_bytes()
    (tmp_path / "other").write_text("mine")
    package(data, "triton", tmp_path, name="net")
    with pytest.raises(InputError, match="net: is there already"):
        package(data, "triton", tmp_path, name="net")
    moved = Path.rename
    monkeypatch.setattr(Path, "rename", lambda path, to: moved(path, to) if to.name < "m" else _full())
    monkeypatch.setitem(KINDS, "wrong", Wrong(0, False))
    for place in (tmp_path, tmp_path / "new" / "one"):
        with pytest.raises(InputError, match="No space left"):
            package(data, "wrong", place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net", "other"]
    with pytest.raises(InputError, match="expected a folder, found a file"):
        package(data, "triton", tmp_path / "other" / "x")


def _full() -> None:
    raise OSError(28, "No space left on device")


def test_an_unknown_kind_is_answered_with_the_nearest(files: dict[str, Path], tmp_path: Path):
    """So is one that differs in its capitals."""
    with pytest.raises(InputError, match="did you mean openvino"):
        package(files["held"].read_bytes(), "OpenVino", tmp_path)


@pytest.mark.parametrize(
    "name", ["../net", "/tmp/net", "a/b", "a\\b", "", ".", "..", ".net", "-net", "a b", "n" * 101, 3]
)
def test_a_name_that_is_no_plain_one_is_refused(name: object, files: dict[str, Path], tmp_path: Path):
    """Of every kind, before anything is computed or written: it would lead elsewhere, or mean something else there."""
    for kind in KINDS:
        with pytest.raises(InputError, match=r"package: name: expected (letters|a string)"):
            package(files["held"].read_bytes(), kind, tmp_path / "in" / "out", name=name)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_file_for_several_sequences_at_once_is_refused(files: dict[str, Path]):
    """A server would hand it one."""
    model = load(files["held"])
    contract = model.contract
    port = replace(contract.inputs[0], shape=tuple(3 if d == "batch" else d for d in contract.inputs[0].shape))
    fixed = replace(contract, inputs=(port,))
    with pytest.raises(ModelRefused, match="found one for 3 at once"):
        self_contained(Network("net", b"", "", fixed))


# Triton.


def test_the_batcher_keeps_sequences_apart_and_refuses_what_the_server_refuses(files: dict[str, Path], tmp_path: Path):
    """Three sequences that begin at other times, in batches of other sizes, and no request of an unknown one."""
    made = package(files["held"].read_bytes(), "triton", tmp_path, name="net")
    batcher = Batcher(tmp_path / "net")
    frames = np.random.default_rng(0).standard_normal((12, 4, 1)).astype(np.float32)
    found: dict[int, list[Array]] = {1: [], 2: [], 3: []}
    for call in range(12):
        some = [k for k in found if call >= k - 1 and (call + k) % 3]
        asked = [Request(k, not found[k], {"x": frames[len(found[k])]}) for k in some]
        for k, outputs in zip(some, batcher.infer(asked), strict=True):
            found[k].append(outputs["y"][len(outputs["y"]) - outputs["y_frames"].item() :])
    expected = load(files["held"]).stream().push(frames.reshape(-1, 1))
    for parts in found.values():
        rows = np.concatenate(parts)
        assert len(rows) > 2
        np.testing.assert_allclose(rows, expected[: len(rows)], rtol=0, atol=1e-6)
    for wrong, match in (
        (Request(9, False, {"x": frames[0]}), "sequence 9 has not begun"),
        (Request(9, True, {"x": frames[0].T}), "x: expected float32"),
    ):
        with pytest.raises(ValueError, match=match):
            batcher.infer([wrong])
    assert len(made.files) == 2


def test_the_configuration_has_fields_of_triton_only(files: dict[str, Path], tmp_path: Path):
    """It is read as the server reads it, by names and types; dims are without the batch."""
    package(files["held"].read_bytes(), "triton", tmp_path, name="net")
    text = (tmp_path / "net" / "config.pbtxt").read_text()
    config = read(text)
    assert (config.name, config.backend, config.max_batch_size > 1) == ("net", "onnxruntime", True)
    states = config.sequence_batching.state
    assert {state.input_name for state in states} >= {"calls"}
    assert all(state.dims == state.initial_state[0].dims and state.initial_state[0].zero_data for state in states)
    with pytest.raises(ValueError, match=r"config\.pbtxt"):
        read(text.replace("zero_data", "zero_date"))


@pytest.mark.parametrize(("old", "new"), [("dims: 5\n", ""), ("max_batch_size: 64", "max_batch_size: 0")])
def test_dims_that_are_not_those_of_the_model_are_refused(files: dict[str, Path], old: str, new: str, tmp_path: Path):
    """As by the server: a batch is an axis of any size, and dims are there."""
    package(files["held"].read_bytes(), "triton", tmp_path, name="net")
    config = tmp_path / "net" / "config.pbtxt"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))
    with pytest.raises(ValueError, match="expected the dims of"):
        Batcher(tmp_path / "net")
    package(files["mask"].read_bytes(), "triton", tmp_path, name="alone")
    assert not Batcher(tmp_path / "alone").batching


# ORT format.


def test_a_file_in_ort_format_is_opened_by_load(files: dict[str, Path], tmp_path: Path):
    """With its contract, under trust that was earned or given, on the processor only; and a damaged one is not."""
    made = package(files["held"].read_bytes(), "ort", tmp_path, name="net")
    assert {path.name for path in made.files} == {"net.ort", "net.required_operators_and_types.config"}
    assert made.proof.max_error == 0
    path, x = tmp_path / "net.ort", np.random.default_rng(0).standard_normal((40, 1)).astype(np.float32)
    model = load(path)
    assert model.contract.provenance == load(files["held"]).contract.provenance
    np.testing.assert_array_equal(model.stream().push(x), load(files["held"]).stream().push(x))
    assert "ai.onnx;" in (tmp_path / "net.required_operators_and_types.config").read_text()
    with pytest.raises(ModelRefused, match="ORT format cannot be looked through"):
        load(path, trust="strict")
    for provider in ("native", ["cpu", "native"]):
        with pytest.raises(ProviderError, match="ORT format run with provider 'cpu' only"):
            load(path, provider=provider)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(ModelRefused, match="damaged"):
        load(bytes(data), trust="local")
    with pytest.raises(ModelRefused, match="expected an ONNX file, found one in ORT format"):
        package(path.read_bytes(), "triton", tmp_path / "more")


# Hugging Face.


def test_the_model_card_has_contract_proof_and_bench(files: dict[str, Path], tmp_path: Path):
    """Beside the file itself, byte by byte; the same as JSON."""
    package(files["context"].read_bytes(), "huggingface", tmp_path, name="net")
    assert (tmp_path / "model.onnx").read_bytes() == files["context"].read_bytes()
    card = (tmp_path / "README.md").read_text()
    front = json.loads(card.split("---\n")[1])
    assert front["library_name"] == "rnnedge" and "onnx" in front["tags"]
    assert "1,000 frames in onnxruntime" in card and "| p50 |" in card and "speaker" in card
    assert _model_card._cell("a|b`<c>") == "a&#124;b&#96;&#60;c&#62;"
    facts = json.loads((tmp_path / "rnnedge.json").read_text())
    assert facts["proof"]["frames"] == 1000 and facts["bench"]["p50_us"] > 0 and facts["contract"]["inputs"]


def test_the_program_of_a_card_names_every_input(files: dict[str, Path]):
    """Names are what Python reads as that name again."""
    contract = load(files["held"]).contract
    port = contract.inputs[0]
    several = replace(contract, inputs=(port, replace(port, name='b"\n')))
    program = _model_card._program(several)
    assert """stream.push({'x': ..., 'b"\\n': ...})  # (time, 1) float32; (time, 1) float32\n""" in program
    compile(program, "card", "exec")


@pytest.fixture
def hub(files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The folder in which huggingface_hub keeps files, with one repository, and no network; its commit."""
    constants = pytest.importorskip("huggingface_hub.constants")
    commit = hashlib.sha1(b"commit").hexdigest()
    repository = tmp_path / "models--org--name"
    place = repository / "snapshots" / commit
    place.mkdir(parents=True)
    (place / "model.onnx").write_bytes(files["held"].read_bytes())
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return commit


def test_a_repository_is_loaded_at_a_revision(files: dict[str, Path], hub: str):
    """A commit, or a name that leads to one; the same file as that on the disk."""
    x = np.ones((40, 1), np.float32)
    for revision in (hub, "main"):
        found = load("org/name", revision=revision).stream().push(x)
        np.testing.assert_array_equal(found, load(files["held"]).stream().push(x))


@pytest.mark.parametrize(
    ("path", "revision", "error", "match"),
    [
        ("org/name", None, ModelRefused, "say which revision"),
        ("org/name", "other", ModelRefused, "org/name: model.onnx at revision 'other' cannot be had"),
        ("org/none", "main", ModelRefused, "org/none: model.onnx at revision 'main' cannot be had"),
        ("org/name", "", InputError, "revision: expected a commit"),
        ("org/name", 3, InputError, "revision: expected a string"),
        ("name", "main", InputError, "ORGANIZATION/NAME, found 'name'"),
        ("../../etc", "main", InputError, "ORGANIZATION/NAME"),
        (b"bytes", "main", InputError, "ORGANIZATION/NAME"),
        ("out/net.onnx", None, ModelRefused, "out/net.onnx: cannot be read"),
    ],
)
def test_what_is_no_repository_is_answered_in_a_line(
    hub: str, path: str | bytes, revision: str | None, error: type[Exception], match: str
):
    """With the remedy, and no error of another library."""
    with pytest.raises(error, match=match) as caught:
        load(path, revision=revision)
    assert "\n" not in str(caught.value)


def test_a_signature_of_a_repository_is_asked_for(hub: str, tmp_path: Path):
    """One that lies next to the file there."""
    with pytest.raises(ModelRefused, match=r"org/name: model.onnx.sig at revision"):
        load("org/name", revision=hub, key=tmp_path / "key.pem")


def test_every_kind_says_what_it_is():
    """One table, under the names of the engines."""
    assert list(KINDS) == [kind.name for kind in KINDS.values()] == ["openvino", "triton", "ort", "huggingface"]
    assert all(kind.summary for kind in KINDS.values()) and _package.KINDS is KINDS


def _graph(file: Path) -> SelfContained:
    data = file.read_bytes()
    return self_contained(Network("net", data, "", load_bytes(data, trust="local").contract))


def _session(model: bytes) -> Any:
    from rnnedge_runtime.engines.onnx_runtime import onnxruntime

    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
