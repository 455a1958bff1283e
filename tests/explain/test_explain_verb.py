"""`rnnedge explain`: a page, pictures, arrays and numbers, of a network and of a file without torch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from command import Command
from torch import nn

from rnnedge.explain import explain_file, explain_module, open_tapped
from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.sources import ModelSource
from rnnedge.training import RunInfo, save_checkpoint

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of three numbers, as CSV."""
    path = tmp_path_factory.mktemp("input") / "x.csv"
    np.savetxt(path, np.random.default_rng(0).standard_normal((12, 3)), delimiter=",")
    return path


@pytest.fixture(scope="module")
def tapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An LSTM of three features that shows everything, and knows its labels."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("files") / "m.onnx"
    quickly.export(nn.LSTM(3, 4, batch_first=True), torch.zeros(1, 5, 3), path, taps=("gates", "state"),
                          labels=tuple("abcd"), frame_rate_hz=50.0)  # fmt: skip
    return path


class Outside(HTMLParser):
    """Addresses that a page would load something from."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what is not an anchor within the page, and no data."""
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and not re.match(r"#|data:", value or ""):
                self.found.append(f"{tag} {name}={value}")


def outside(page: str) -> Outside:
    """The page, read."""
    reader = Outside()
    reader.feed(page)
    return reader


def test_a_run_folder_gives_a_page_pictures_and_arrays(rnnedge: Command, sequence: Path, tmp_path: Path) -> None:
    """The page needs nothing beside it, and every picture of it is a file too."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("gru", 3, 6, 2, mean=(0.0, 0.1, 0.2), std=(1.0, 1.0, 2.0)))
    save_checkpoint(tmp_path / "run", network, RunInfo(task="speech", labels=("no", "yes"), frame_rate_hz=100.0))
    done = rnnedge("explain", tmp_path / "run", sequence, "-o", tmp_path / "p.html", "--png", tmp_path / "png",
                   "--npz", tmp_path / "a.npz", "--unit", "yes", "--frame", 7, "--json")  # fmt: skip
    assert done.code == 0, done.err
    numbers = done.json
    assert numbers["schema"] == "rnnedge.explain" and numbers["frames"] == 12
    assert (numbers["target"]["frame"], numbers["target"]["label"]) == (7, "yes")
    assert [layer["name"] for layer in numbers["layers"]] == ["layers.0.l0"]
    integrated = numbers["attributions"][0]
    difference = integrated["output"] - integrated["baseline_output"]
    assert abs(integrated["sum"] - difference) <= 0.01 * abs(difference)
    assert integrated["baseline"] == "the mean of the training data"
    page = (tmp_path / "p.html").read_text()
    read = outside(page)
    assert not read.found and "script" not in read.tags
    pictures = sorted((tmp_path / "png").glob("*.png"))
    assert len(pictures) == read.tags.count("figure") == page.count("<figcaption>")
    assert all(picture.read_bytes()[:4] == b"\x89PNG" for picture in pictures)
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["layers.0.l0.update_gate"].shape == (12, 6)
        assert arrays["attribution.integrated_gradients"].shape == (12, 3)
        with torch.no_grad():
            y, _ = network(torch.from_numpy(arrays["input"])[None])
        np.testing.assert_allclose(arrays["output.y"], y[0].numpy(), rtol=0, atol=1e-6)


def test_a_file_is_explained_without_torch(sequence: Path, tapped: Path, tmp_path: Path) -> None:
    """In a process of its own where torch and captum cannot even be imported."""
    code = (
        "import sys\n"
        "for name in ('torch', 'captum', 'onnx', 'rnnedge_export'): sys.modules[name] = None\n"
        "from rnnedge.cli import execute\n"
        f"code = execute(['explain', {str(tapped)!r}, {str(sequence)!r}, '-o', {str(tmp_path / 'p.html')!r},\n"
        f"                '--npz', {str(tmp_path / 'a.npz')!r}, '--json'])\n"
        "loaded = [n for n, m in sys.modules.items() if m is not None and n.split('.')[0] in ('torch', 'captum')]\n"
        "print('loaded', loaded, file=sys.stderr); sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "loaded []" in done.stderr
    numbers = json.loads(done.stdout)
    (layer,) = numbers["layers"]
    assert layer["cell"] == "LSTM" and len(layer["gate_half_life_frames"]) == 4
    assert [one["method"] for one in numbers["attributions"]] == ["occlusion"]
    assert any("integrated gradients" in line for line in numbers["left_out"])
    page = (tmp_path / "p.html").read_text()
    assert "What is not on this page" in page and not outside(page).found


def test_a_file_and_its_network_show_the_same(tapped: Path) -> None:
    """States, gates, half-lives and saturation of the file are those that torch shows."""
    torch.manual_seed(0)
    x = np.random.default_rng(1).standard_normal((12, 3)).astype(np.float32)
    module = dict(explain_module(ModelSource(nn.LSTM(3, 4, batch_first=True), None), x).arrays())
    file = dict(explain_file(open_tapped(tapped), x).arrays())
    shared = set(file) & set(module)
    assert {"lstm.l0.hidden", "lstm.l0.forget_gate", "lstm.l0.half_life.gate", "lstm.l0.trajectory"} <= shared
    assert set(module) > set(file)
    for name in shared - {"attribution.occlusion"}:
        np.testing.assert_allclose(file[name], module[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_inspect_and_run_know_taps(rnnedge: Command, sequence: Path, tapped: Path) -> None:
    """`inspect` says what they are, a CSV table of `run` leaves them out, JSON lines have them."""
    assert "a tap: forget gate of lstm.l0" in rnnedge("inspect", tapped).out
    assert len(rnnedge("inspect", tapped, "--json").json["contract"]["taps"]) == 6
    table = rnnedge("run", tapped, sequence)
    assert table.code == 0 and table.out.splitlines()[0] == "frame,time_s,label,score"
    lines = [json.loads(line) for line in rnnedge("run", tapped, sequence, "--format", "jsonl").out.splitlines()]
    assert {line["output"] for line in lines} >= {"y", "tap.lstm.l0.cell"}


def test_tokens_are_explained(rnnedge: Command, tmp_path: Path) -> None:
    """A language model has a page too."""
    (tmp_path / "t.csv").write_text("1\n2\n8\n3\n")
    done = rnnedge("explain", "networks_to_explain:tokens", tmp_path / "t.csv", "-o", tmp_path / "p.html")
    assert done.code == 0, done.err
    assert "integrated gradients" in (tmp_path / "p.html").read_text()


@pytest.mark.parametrize("length", [1, 2])
def test_the_shortest_sequences_have_a_page(rnnedge: Command, length: int, tmp_path: Path) -> None:
    """One frame is enough; what takes more is left out."""
    np.save(tmp_path / "x.npy", np.ones((length, 3), np.float32))
    done = rnnedge("explain", "networks_to_explain:gru", tmp_path / "x.npy", "-o", tmp_path / "p.html")
    assert done.code == 0, done.err
    assert "was not measured" in done.err


@pytest.mark.parametrize(
    ("arguments", "text", "code", "words"),
    [
        (["--output", "x"], "1,2,3", 6, ["output", "expected one of y", "'x'"]),
        (["--frame", "5"], "1,2,3", 6, ["frame", "0 to 0", "found 5"]),
        (["--unit", "9"], "1,2,3", 6, ["unit", "0 to 3", "'9'"]),
        (["--baseline", "nobody.csv"], "1,2,3", 6, ["baseline", "zero, mean", "nobody.csv", "no such file"]),
        ([], "a,b,c", 6, ["expected at least one frame"]),
        ([], "1,2,3\n1,nan,3", 6, ["frame 1, feature 1", "nan"]),
        ([], "1,2", 6, ["row 1", "expected 3 numbers"]),
    ],
)
def test_bad_input_is_one_line(
    rnnedge: Command, arguments: list[str], text: str, code: int, words: list[str], tmp_path: Path
) -> None:
    """That names the place, what was expected and what was found; nothing is written."""
    (tmp_path / "x.csv").write_text(text)
    page = tmp_path / "p.html"
    done = rnnedge("explain", "networks_to_explain:gru", tmp_path / "x.csv", "-o", page, *arguments)
    assert done.code == code, done.err
    assert all(word in done.err for word in words) and done.err.count("\n") == 1, done.err
    assert not page.exists()


def test_a_file_without_taps_says_how_to_export_with_them(rnnedge: Command, sequence: Path, tmp_path: Path) -> None:
    """Exit code 3, and the option."""
    assert rnnedge("export", "networks_to_explain:gru", "-o", tmp_path / "m.onnx").code == 0
    done = rnnedge("explain", tmp_path / "m.onnx", sequence, "-o", tmp_path / "p.html")
    assert done.code == 3 and "--taps gates,state" in done.err


@pytest.mark.parametrize(("source", "words"), [("both_ways", "bidirectional"), ("flat", "no recurrence found")])
def test_networks_without_a_stream_inside_are_refused(
    rnnedge: Command, source: str, words: str, sequence: Path, tmp_path: Path
) -> None:
    """Exit code 3 and the reason."""
    done = rnnedge("explain", f"networks_to_explain:{source}", sequence, "-o", tmp_path / "p.html")
    assert done.code == 3 and words in done.err


def test_a_tap_that_does_not_exist_is_a_usage_error(rnnedge: Command, tmp_path: Path) -> None:
    """Before anything is loaded."""
    done = rnnedge("export", "networks_to_explain:gru", "-o", tmp_path / "m.onnx", "--taps", "gate")
    assert done.code == 2 and "--taps" in done.err
