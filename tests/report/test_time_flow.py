"""The picture of how time flows through a network: what it says, where things stand, and that names run nothing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge.cli import execute
from rnnedge.report.flow_picture import draw, every
from rnnedge.report.layers import layered
from rnnedge_export.time_flow import Block, Kept, TimeFlow, read_time_flow
from rnnedge_runtime import load


class Enhancer(nn.Module):
    """Lookahead, a rate that halves and comes back, a branch that waits, an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv1d(4, 6, 5, padding=2)
        self.down = nn.Conv1d(6, 6, 4, stride=2)
        self.memory = nn.LSTM(6, 6, batch_first=True)
        self.up = nn.ConvTranspose1d(6, 4, 2, stride=2)
        self.mask = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        z = torch.relu(self.encoder(x.transpose(1, 2)))
        z = torch.relu(self.down(nn.functional.pad(z, (2, 0))))
        z = self.memory(z.transpose(1, 2))[0]
        return x * torch.sigmoid(self.mask(self.up(z.transpose(1, 2)).transpose(1, 2)))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The enhancer as a file of 100 frames per second."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("flow") / "enhancer.onnx"
    quickly.export(Enhancer().eval(), torch.zeros(1, 32, 4), path, frame_rate_hz=100.0)
    return path


@pytest.fixture(scope="module")
def flow(file: Path) -> TimeFlow:
    """What the file says of time."""
    return read_time_flow(file.read_bytes(), load(file).contract)


def test_layers_are_blocks_with_their_rates_and_states(flow: TimeFlow):
    """By the names that the module gave them, in the order of the graph."""
    named = {block.name: block for block in flow.blocks if block.role == "layer"}
    assert list(named) == ["encoder", "down", "memory", "up", "mask"]
    assert [named[name].rate for name in named] == [1, Fraction(1, 2), Fraction(1, 2), 1, 1]
    kept = {name: [(kept.kind, kept.values) for kept in block.kept] for name, block in named.items() if block.kept}
    assert kept == {
        "encoder": [("window of 4 frames", 16)],
        "down": [("window of 2 frames", 12)],
        "memory": [("hidden state", 6), ("cell state", 6)],
    }
    assert named["memory"].operators == ("LSTM",)
    assert named["encoder"].weights == 4 * 6 * 5 + 6


def test_a_branch_that_waits_is_a_delay(flow: TimeFlow):
    """Between the input and the product, as long as the other branch is late."""
    at = {(block.role, block.name): k for k, block in enumerate(flow.blocks)}
    late = flow.blocks[-1].note
    assert late == "4 values, 2 frames later (20 ms)", late
    edges = {(edge.source, edge.target) for edge in flow.edges}
    waits = [k for k, block in enumerate(flow.blocks) if block.role == "delay" and (at["input", "x"], k) in edges]
    (delay,) = (flow.blocks[k] for k in waits)
    assert [kept.kind for kept in delay.kept] == ["delay of 2 frames"]
    (join,) = (k for k, block in enumerate(flow.blocks) if block.role == "join")
    assert {(waits[0], join), (at["layer", "mask"], join)} <= edges


def test_every_edge_goes_forward(flow: TimeFlow):
    """So the picture has no circle but the states, and every block is reached."""
    assert all(edge.source < edge.target for edge in flow.edges)
    assert {edge.target for edge in flow.edges} == set(range(1, len(flow.blocks)))


def test_every_state_of_the_file_is_in_the_picture_once(flow: TimeFlow, file: Path):
    """None is lost when blocks are merged."""
    names = sorted(kept.name for block in flow.blocks for kept in block.kept)
    assert names == sorted(state.input for state in load(file).contract.states)


def test_blocks_do_not_overlap_and_lines_do_not_cross_them():
    """In forty random networks."""
    random = Random(0)
    for _ in range(40):
        count = random.randint(1, 14)
        heights = [random.choice((30.0, 60.0, 95.0)) for _ in range(count)]
        edges = [(a, b) for a, b in combinations(range(count), 2) if b == a + 1 or random.random() < 0.12]
        layout = layered(heights, edges, width=100.0, gap=20.0, lane=8.0)
        boxes = [(x - 50, y, x + 50, y + h) for (x, y), h in zip(layout.centers, heights, strict=True)]
        for a, b in combinations(boxes, 2):
            assert a[2] <= b[0] + 1e-6 or b[2] <= a[0] + 1e-6 or a[3] <= b[1] or b[3] <= a[1], (a, b)
        for left, top, right, bottom in boxes:
            assert left >= -1e-6 and top >= 0 and right <= layout.width + 1e-6 and bottom <= layout.height
            for way in layout.ways:
                for x, y in way[1:-1]:
                    assert not (left < x < right and top < y < bottom)


def test_the_picture_is_an_svg_that_stands_by_itself(flow: TimeFlow):
    """It is whole XML, has every block, its own colours for the dark, and asks for nothing from elsewhere."""
    picture = draw(flow, "enhancer.onnx")
    root = ElementTree.fromstring(picture)
    texts = {"".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"encoder", "memory", "1 per 2 frames"} <= texts, texts
    assert "prefers-color-scheme: dark" in picture
    assert not {"href", "url(http", "<script", "<image"} & set(picture.split())


def test_names_of_strangers_are_letters(flow: TimeFlow):
    """A module may be called anything."""
    name = "</text><script>alert(1)</script>\x1b\u202e" + "n" * 5000
    hostile = tuple(replace(block, name=name, note=name, operators=(name,)) for block in flow.blocks)
    picture = draw(replace(flow, blocks=hostile), name)
    ElementTree.fromstring(picture)
    assert "<script" not in picture and "\x1b" not in picture and "\u202e" not in picture
    assert len(picture) < 100_000


def test_what_a_caller_gives_is_no_loop():
    """A value per sequence is told where it is read, and nothing comes back."""
    given, kept = Kept("style", "given by the caller", 3, given=True), Kept("h", "hidden state", 6)
    loops = [
        draw(TimeFlow((Block("layer", "film", kept=one),), ()), "x").count('class="loop"')
        for one in ((given,), (kept, given))
    ]
    assert loops == [0, 1]


def test_rates_are_words():
    """How often frames come."""
    rates = [None, 1, Fraction(1, 4), 3, Fraction(3, 2)]
    words = ["", "every frame", "1 per 4 frames", "3 per frame", "3 per 2 frames"]
    assert [every(None if rate is None else Fraction(rate)) for rate in rates] == words


def test_a_network_without_an_edge_is_drawn():
    """An output that no block gives stands by itself."""
    picture = ElementTree.fromstring(draw(TimeFlow((Block("input", "x"), Block("output", "y")), ()), "empty"))
    assert {"x", "y"} <= {text.strip() for text in picture.itertext()}


def test_inspect_writes_a_picture_or_a_page(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """By the name that it is asked for; another one is an error in a line."""
    for name, begins in (("flow.svg", "<svg "), ("flow.html", "<!doctype html>")):
        assert execute(["inspect", str(file), "--graph", str(tmp_path / name)]) == 0
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.startswith(begins) and "encoder" in text
    capsys.readouterr()
    assert execute(["inspect", str(file), "--graph", str(tmp_path / "flow.png")]) == 2
    assert "ends in .svg or .html, found" in " ".join(capsys.readouterr().err.split())
    assert execute(["inspect", str(file), "--graph", str(tmp_path / "none" / "flow.svg")]) == 6


def test_a_page_leads_to_other_pages_of_the_model(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """By their titles, relative to itself; what is in a title or a name is text."""
    (tmp_path / "more").mkdir()
    odd = tmp_path / "more" / "javascript:alert(1) & <b>.html"
    odd.write_text("<!doctype html><title>Latency &lt;script&gt;</title>", encoding="utf-8")
    page = tmp_path / "index.html"
    assert execute(["inspect", str(file), "--graph", str(page), "--link", str(odd)]) == 0
    text = page.read_text(encoding="utf-8")
    assert '<a href="./more/javascript%3Aalert%281%29%20%26%20%3Cb%3E.html">Latency &lt;script&gt;</a>' in text
    assert "golden sample of" in text and "error" in text
    (tmp_path / "none.html").write_text("no page", encoding="utf-8")
    for arguments, code in (
        (["--graph", str(page), "--link", str(tmp_path / "none.html")], 6),
        (["--graph", str(page), "--link", str(tmp_path / "missing.html")], 6),
        (["--graph", str(page), "--link", str(page)], 2),
        (["--graph", str(tmp_path / "flow.svg"), "--link", str(odd)], 2),
    ):
        capsys.readouterr()
        assert execute(["inspect", str(file), *arguments]) == code, arguments
