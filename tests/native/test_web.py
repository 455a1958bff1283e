"""The network as a web site: in Node, and in a headless browser."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import conditioned
import numpy as np
import pytest
import quickly
import torch
from torch import nn
from web_browser import dumped, posted

from rnnedge_export.codegen import Built, build
from rnnedge_export.codegen import _source as source
from rnnedge_export.codegen.prove import prove
from rnnedge_runtime import Model, VerificationError, load
from rnnedge_runtime._snapshot import unpack
from rnnedge_runtime.contract import Array
from rnnedge_runtime.golden import named
from rnnedge_runtime.scores import probabilities

SCRIPTS = Path(__file__).parent / "javascript"


class Spotter(nn.Module):
    """Windows of 80 samples, 32 apart, and a layer whose state is held while the first window fills."""

    def __init__(self) -> None:
        super().__init__()
        self.windows = nn.Conv1d(1, 6, 80, stride=32)
        self.layer = nn.GRU(6, 8, batch_first=True)
        self.scores = nn.Linear(8, 3)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """(batch, time, 1) to (batch, windows, 3)."""
        features = self.windows(samples.transpose(1, 2)).square().add(1e-3).log()
        scores: torch.Tensor = self.scores(self.layer(features.transpose(1, 2))[0])
        return scores


class Reader(nn.Module):
    """Tokens, which name rows of a table; scores of each, and one summary."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 4)
        self.layer = nn.LSTM(4, 6, batch_first=True)
        self.scores = nn.Linear(6, 3)

    def forward(self, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        """(batch, time) to (batch, time, 3) and (batch, 3)."""
        scores = self.scores(self.layer(self.table(tokens))[0])
        return {"y": scores, "last": scores[:, -1]}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Samples with a delay; tokens, with a summary."""
    folder = tmp_path_factory.mktemp("files")
    torch.manual_seed(0)
    files = {name: folder / f"{name}.onnx" for name in ("spotter", "reader")}
    samples, tokens = torch.randn(1, 400, 1), torch.randint(0, 9, (1, 12))
    rate, labels = 16000.0, ("a", "b", "c")
    quickly.export(Spotter().eval(), samples, files["spotter"], form="step", frame_rate_hz=rate, labels=labels)
    quickly.export(Reader().eval(), tokens, files["reader"], form="step")
    return files


@pytest.fixture(scope="module")
def built(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """Each compiled for the web."""
    pytest.importorskip("ziglang")
    if shutil.which("node") is None:
        pytest.skip("needs Node")
    folder = tmp_path_factory.mktemp("sites")
    return {name: build(file.read_bytes(), "web", folder / name, name="net") for name, file in files.items()}


@pytest.fixture(scope="module")
def sites(built: dict[str, Built]) -> dict[str, Path]:
    """Their folders."""
    return {name: one.files[0].parent for name, one in built.items()}


def _frames(model: Model, count: int) -> Array:
    port, rng = model.contract.inputs[0], np.random.default_rng(1)
    shape = (count, *(int(d) for d in port.frame_shape))
    frames = rng.standard_normal(shape) if port.dtype == "float32" else rng.integers(0, 2, shape)
    return frames.astype(port.dtype)


def _close(actual: object, expected: Array) -> None:
    np.testing.assert_allclose(np.array(actual), expected.ravel(), atol=1e-5)


@pytest.mark.parametrize("name", ["spotter", "reader"])
def test_snapshots_go_between_python_and_javascript(
    name: str, files: dict[str, Path], sites: dict[str, Path], tmp_path: Path
) -> None:
    """Both ways, with frames that wait, while the first windows fill; and into another stream of the same module."""
    model = load(files[name])
    unit = model.contract.unit
    frames, (cut, end) = _frames(model, 8 * unit + unit // 2), (unit + unit // 3, 3 * unit - unit // 4)
    stream = model.stream()
    stream.push(frames[:cut])
    (tmp_path / "python.snapshot").write_bytes(stream.snapshot())
    (tmp_path / "middle.bin").write_bytes(frames[cut:end].tobytes())
    (tmp_path / "last.bin").write_bytes(frames[end:].tobytes())
    found = _run("snapshots.mjs", sites[name], tmp_path)

    expected = [named(model.contract, stream.push(frames[cut:end]))]
    ours, theirs = unpack(stream.snapshot()), unpack((tmp_path / "web.snapshot").read_bytes())
    assert (theirs.model, theirs.source, list(theirs.arrays)) == (ours.model, ours.source, list(ours.arrays))
    stream.reset()
    stream.restore((tmp_path / "web.snapshot").read_bytes())
    expected += [named(model.contract, stream.push(frames[end:])), named(model.contract, stream.finish())]
    pairs = [pair for one in expected for pair in one.items()]
    for (actual_name, actual), (expected_name, array) in zip(found["found"], pairs, strict=True):
        assert actual_name == expected_name
        _close(actual, array)
    for side, arrays in (("twin", expected[1]), ("end", expected[2])):
        for key, array in arrays.items():
            _close(found[side][key], array)
    assert [text.partition(" (")[0] for text in found["refused"]] == [
        "InputError: restore: damaged",
        "InputError: restore: not a snapshot of a stream, or of another version",
        "InputError: restore: expected the Uint8Array of a snapshot",
    ]


def test_what_a_stream_refuses_leaves_it_as_it_was(
    files: dict[str, Path], sites: dict[str, Path], tmp_path: Path
) -> None:
    """A NaN is named by frame and feature, a row that is not there, too; the next outputs are the right ones."""
    for name in ("spotter", "reader"):
        model = load(files[name])
        frames = _frames(model, 4 * model.contract.unit)
        (tmp_path / "frames.bin").write_bytes(frames.tobytes())
        found = _run("refusals.mjs", sites[name], tmp_path)
        _close(found["found"], named(model.contract, model.stream().push(frames))["y"])
        numbers = "frame 2, feature 0: expected numbers from 0 to 8, found 999"
        wanted = "frame 5, feature 0: expected a finite number, found NaN" if name == "spotter" else numbers
        assert wanted in found["refused"]
        assert found["unknown"].startswith("InputError: push: other: expected")


def test_another_model_is_refused(sites: dict[str, Path], tmp_path: Path) -> None:
    """A contract of one network with the module of another, and a sample that was changed."""
    other = tmp_path / "other"
    shutil.copytree(sites["reader"], other)
    shutil.copyfile(sites["spotter"] / "net.wasm", other / "net.wasm")
    assert "ModelRefused: wasm: made from another model" in _opened(other)
    changed = tmp_path / "changed"
    shutil.copytree(sites["reader"], changed)
    contract = json.loads((changed / "net.contract.json").read_text())
    scores = np.frombuffer(base64.b64decode(contract["golden"]["outputs"]["y"]), np.float32) + 1
    contract["golden"]["outputs"]["y"] = base64.b64encode(scores.tobytes()).decode()
    (changed / "net.contract.json").write_text(json.dumps(contract))
    assert "VerificationError: " in _opened(changed)


@pytest.mark.parametrize("name", ["spotter", "reader"])
def test_a_site_is_proven_before_it_is_published(name: str, files: dict[str, Path], built: dict[str, Built]) -> None:
    """Against onnxruntime, with vectors and without."""
    proof = prove(files[name].read_bytes(), built[name])
    assert proof is not None and proof.runner == "node" and proof.max_error <= 1e-5


def test_a_site_that_computes_something_else_fails_its_proof(
    files: dict[str, Path], built: dict[str, Built], tmp_path: Path
) -> None:
    """Without its delay it is refused by its recorded sample, and by the proof if that sample is not replayed."""
    one = built["spotter"]
    assert one.artifact is not None
    shutil.copytree(one.artifact.parent, tmp_path, dirs_exist_ok=True)
    wrong = replace(one, artifact=tmp_path / one.artifact.name)
    _changed(tmp_path / "rnnedge-stream.js", "? port.clock.delay : 0", "? 0 : 0")
    with pytest.raises(VerificationError, match=r"node: VerificationError: y: expected \d+ numbers of the"):
        prove(files["spotter"].read_bytes(), wrong)
    _changed(tmp_path / "rnnedge-open.js", "if (verify)", "if (false)")
    with pytest.raises(VerificationError, match=r"for web: node: InputError: restore: its counts do not fit"):
        prove(files["spotter"].read_bytes(), wrong)


def _changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.long
def test_weights_are_a_file_of_their_own(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of both modules."""
    pytest.importorskip("ziglang")
    monkeypatch.setattr(source, "_BLOB_BYTES", 1)
    data = files["spotter"].read_bytes()
    proof = prove(data, build(data, "web", tmp_path, name="net"))
    assert proof is None or proof.max_error <= 1e-5
    assert (tmp_path / "net.weights").stat().st_size > 0


@pytest.mark.long
def test_values_per_sequence_are_given_by_name(tmp_path: Path) -> None:
    """As in Python, where the file has no others; a stream without them is refused."""
    pytest.importorskip("ziglang")
    proof = prove(conditioned.file(), build(conditioned.file(), "web", tmp_path, name="net"))
    assert proof is None or proof.max_error <= 1e-5
    assert "context: expected a value of " in _opened(tmp_path, "verify: false", ".stream()")


@pytest.mark.parametrize("scores", ["softmax", "sigmoid", "raw"])
def test_values_of_labels_become_probabilities(scores: str, sites: dict[str, Path], tmp_path: Path) -> None:
    """As `Model.probabilities` makes them; what is no row of values is refused."""
    site = tmp_path / "site"
    shutil.copytree(sites["spotter"], site)
    contract = json.loads((site / "net.contract.json").read_text())
    assert contract["outputs"][0]["scores"] == "raw"
    contract["outputs"][0]["scores"] = scores
    (site / "net.contract.json").write_text(json.dumps(contract))
    values = np.random.default_rng(0).normal(0, 30, (4, 3)).astype(np.float32)
    given = f"new Float32Array({values.ravel().tolist()})"
    then = f".probabilities({given})).then((found) => console.log(JSON.stringify([...found]))"
    found = np.array(json.loads(_opened(site, "verify: false", then)))
    np.testing.assert_allclose(found.reshape(4, 3), probabilities(values, scores), rtol=1e-12)
    assert "InputError: y: expected an array of 3" in _opened(site, "verify: false", ".probabilities([1, 2, 3])")


def test_the_page_proves_itself_in_a_browser(sites: dict[str, Path]) -> None:
    """Under its own content security policy."""
    text = dumped(sites["spotter"], "index.html")
    assert 'data-state="proven">proven: ' in text, text
    assert "16000 frames a second, 32 frames a step" in text


def test_the_audio_thread_and_a_worker_give_what_a_stream_gives(
    files: dict[str, Path], sites: dict[str, Path], tmp_path: Path
) -> None:
    """Quanta of 128 samples through steps of 32 others; nothing is lost between two quanta."""
    folder = tmp_path / "site"
    shutil.copytree(sites["spotter"], folder)
    for name in ("listen.html", "listen.mjs"):
        shutil.copyfile(SCRIPTS / name, folder / name)
    model = load(files["spotter"])
    samples = _frames(model, 128 * 50)
    (folder / "samples.bin").write_bytes(samples.tobytes())
    found = posted(folder, "listen.html")
    assert "error" not in found, found
    stream = model.stream()
    expected = np.concatenate([stream.push(samples), stream.finish()])
    _close(found["audio"], expected)
    _close(found["worker"], expected)
    assert (found["gaps"], found["messages"]) == (0, 50)
    assert found["refused"].startswith("InputError: push: the sequence is finished")
    assert unpack(bytes(found["snapshot"])).fields["frames"] == len(samples)


def _run(script: str, site: Path, folder: Path) -> Any:
    command = ["node", str(SCRIPTS / script), (site / "net.js").as_uri(), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "found.json").read_text())


def _opened(site: Path, options: str = "", then: str = "") -> str:
    """What Node says when it opens the site, and calls something of the model."""
    address = (site / "net.js").as_uri()
    opened = f"(await import({address!r})).load({{ {options} }}).then((model) => model{then})"
    code = f"{opened}.catch((e) => console.log(`${{e.name}}: ${{e.message}}`))"
    done = subprocess.run(["node", "--input-type=module", "-e", code], capture_output=True, text=True, timeout=60)
    return done.stdout
