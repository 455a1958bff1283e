"""The proof measures each channel by itself, and says how hard it looked and what it saw."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import quickly
import torch
from torch import Tensor, nn

import rnnedge_export
from rnnedge_export import Effort, Precision
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.streaming._caches import delayed
from rnnedge_export.verification import Check, Tolerance, comparison
from rnnedge_export.verification.roads import ROADS
from rnnedge_export.verification.rounding import Rounding
from rnnedge_export.verification.signals import SIGNALS
from rnnedge_runtime import InputError, ModelRefused, VerificationError, load
from rnnedge_runtime.stream_runner import StreamRunner

QUICK = Effort(lengths=(1, 7), batches=(1,), frames=64)
X = torch.zeros(1, 8, 5)


class Beside(nn.Module):
    """A probability beside an energy of about 1e5, as channels of one output; `wrong` changes a weight of the first."""

    def __init__(self, wrong: float = 0.0, loud: float = 1e5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gru, self.loud = nn.GRU(5, 6, batch_first=True), loud
        self.head = nn.Linear(6, 1)
        with torch.no_grad():
            self.head.weight[0, 0] += wrong

    def forward(self, x: Tensor) -> Tensor:
        y = self.gru(x)[0]
        return torch.cat([self.head(y).sigmoid(), y[..., :1] * self.loud], -1)


@pytest.mark.parametrize("loud", [1.0, 1e5])
def test_a_quiet_channel_beside_a_loud_one_is_proven(loud: float, tmp_path: Path) -> None:
    """A weight that is off by 0.001 fails, whatever stands beside it; the message names output, frame and channel."""
    quickly.export(Beside(loud=loud), X, tmp_path / "m.onnx", effort=QUICK)
    assert rnnedge_export.verify(tmp_path / "m.onnx", Beside(loud=loud), effort=QUICK).passed
    found = rnnedge_export.verify(tmp_path / "m.onnx", Beside(0.001, loud), effort=QUICK)
    (parity,) = (check for check in found.checks if check.name == "parity")
    assert not parity.passed
    assert "output 'y'" in parity.place
    assert "channel (0,)" in parity.place


def test_small_outputs_are_proven_as_closely_as_large_ones(tmp_path: Path) -> None:
    """A tenth of everything is not within the tolerance, though everything is below it."""

    class Small(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.gru, self.factor = nn.GRU(5, 6, batch_first=True), factor

        def forward(self, x: Tensor) -> Tensor:
            return self.gru(x)[0] * 1e-6 * self.factor

    quickly.export(Small(1.0), X, tmp_path / "m.onnx", effort=QUICK)
    assert not rnnedge_export.verify(tmp_path / "m.onnx", Small(0.9), effort=QUICK).passed


def test_rounding_of_the_source_is_not_held_against_the_file(tmp_path: Path) -> None:
    """Two large numbers that cancel: PyTorch's own float32 is off by more than 1e-5 of the difference."""

    class Cancels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(5, 3)

        def forward(self, x: Tensor) -> Tensor:
            large = self.a(x) + 1000
            return (large.square() - large.square().roll(1, -1)) * 1e-6

    source = Cancels().eval()
    quickly.export(source, X, tmp_path / "m.onnx", effort=QUICK)
    x = torch.randn(1, 20, 5)
    with torch.no_grad():
        exact = copy.deepcopy(source).double()(x.double())[0].numpy()
        rounding = np.abs(source(x)[0].numpy() - exact).max()
    assert rounding > 1e-5 * np.abs(exact).max()
    np.testing.assert_allclose(load(tmp_path / "m.onnx").run(x[0].numpy()), exact, rtol=0, atol=4 * rounding)


def test_a_tolerance_can_be_given_for_float32(tmp_path: Path) -> None:
    """It is written into the contract, and the file is held to it."""
    wide = Precision(tolerance=0.25)
    report = quickly.export(Beside(loud=1.0), X, tmp_path / "m.onnx", precision=wide, effort=QUICK)
    assert report.contract.provenance["tolerance"] == "0.25"
    assert rnnedge_export.verify(tmp_path / "m.onnx", Beside(0.001, 1.0), effort=QUICK).passed
    assert not rnnedge_export.verify(tmp_path / "m.onnx", Beside(5.0, 1.0), effort=QUICK).passed


def test_each_value_has_the_tolerance_of_its_channel_so_far() -> None:
    """A channel that becomes loud later, and one beside it that never does."""
    expected = np.array([[[1.0, 1.0], [1000.0, -2.0], [1.0, 1.0]]])
    found = Tolerance(1e-5).allowed(expected)
    np.testing.assert_allclose(found, [[[1e-5, 1e-5], [1e-2, 2e-5], [1e-2, 2e-5]]])
    promised = Tolerance(0.02, promised=True).allowed(expected / 1000)
    np.testing.assert_allclose(promised, np.full((1, 3, 2), 0.02))


class Hashes(nn.Module):
    """A number up to four million for each token; `wrong` is added to those above 100,000."""

    def __init__(self, wrong: int = 0) -> None:
        super().__init__()
        self.wrong = wrong

    def forward(self, token: Tensor) -> Tensor:
        y = token.remainder(1024) * 4001
        return y + self.wrong * (y > 100_000).long()


@pytest.mark.parametrize("wrong", [0, 1, -1])
def test_whole_numbers_are_equal_or_not(wrong: int, tmp_path: Path) -> None:
    """However large: one more than a number above 100,000 is refused."""
    example = torch.arange(8)[None]
    rnnedge_export.export(Hashes(wrong), example, tmp_path / "m.onnx", effort=QUICK)
    assert rnnedge_export.verify(tmp_path / "m.onnx", Hashes(), effort=QUICK).passed == (wrong == 0)


@pytest.mark.parametrize("options", [{}, {"of_output": True}, {"share": 0.02, "promised": True}])
def test_channels_are_compared_in_parts(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst value, its place and its tolerance are the same for any part, as are ties and what is no number."""
    rng, tolerance = np.random.default_rng(0), Tolerance(**options)
    for kind in range(12):
        expected = rng.standard_normal((2, 5, 3, 2)).astype(np.float32)
        found = expected + (rng.random(expected.shape) < 0.3) * np.float32(10.0 ** -rng.integers(1, 8))
        if kind % 3:
            found[rng.integers(2), rng.integers(5)] = np.nan
        if kind % 4 == 0:
            expected[1, 3:, 2, 1] = np.inf
        steps = rng.random(expected.shape) < 0.1
        rounding = comparison._NONE if kind % 2 else Rounding(np.where(steps, np.inf, 1e-4), steps & (found > 0))
        parts = []
        for size in (1, 25, 1 << 19):
            monkeypatch.setattr(comparison, "_BLOCK", size)
            parts.append(repr(comparison._beside("y", found, expected, tolerance, rounding)))
        assert len(set(parts)) == 1


@pytest.mark.parametrize("first", [True, False])
def test_an_infinity_at_a_step_of_the_source_is_no_rounding(first: bool) -> None:
    """Whatever stands before it; unless the source itself has none there an ulp away."""
    expected, found = np.ones((1, 4, 1), np.float32), np.ones((1, 4, 1), np.float32)
    found[0, 1 if first else 2] = np.inf
    steps = np.zeros(expected.shape, bool)
    steps[0, 1:3] = True
    for unbounded in (steps & False, steps):
        rounding = Rounding(np.where(steps, np.inf, 0.0), unbounded)
        worst = comparison._beside("y", found, expected, Tolerance(), rounding)
        check = Check("parity", "", worst.error, worst.tolerance)
        assert check.passed == bool(unbounded.any())


class Clamped(nn.Module):
    """An exponential whose argument has an upper bound."""

    def __init__(self, bound: float = 60) -> None:
        super().__init__()
        self.bound = bound

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(max=self.bound).exp() * 1e-20


@pytest.mark.parametrize("turn", range(0, len(SIGNALS), 4))
def test_the_order_of_signals_decides_nothing(turn: int, tmp_path: Path) -> None:
    """A bound that is lost shows, whatever else overflows before it."""
    quickly.export(Clamped(torch.inf), X, tmp_path / "m.onnx", effort=QUICK)
    names = tuple(SIGNALS)
    effort = replace(QUICK, signals=names[turn:] + names[:turn])
    found = rnnedge_export.verify(tmp_path / "m.onnx", Clamped(), effort=effort)
    assert [check.name for check in found.checks if not check.passed] == ["signals as in life"]


def test_an_effort_names_every_signal_and_road() -> None:
    """The default leaves none out, and names none that is not there."""
    assert Effort().signals == tuple(SIGNALS)
    assert Effort().roads == tuple(ROADS)


def test_no_signal_cancels_to_rounding() -> None:
    """A running mean divides by the sum of all frames so far; what is left of a sum that cancels has any sign."""
    noise = np.random.default_rng(0).standard_normal((48, 17)).astype(np.float32)
    for name, signal in SIGNALS.items():
        frames = signal(noise).astype(np.float64)
        sums, sizes = frames.sum(axis=1).cumsum(), np.abs(frames).sum(axis=1).cumsum()
        lost = (np.abs(sums) < 1e-5 * sizes) & (sizes > 0)
        assert name in ("negative zero", "silence") or not lost.any(), name


def test_effort_is_what_the_report_says(tmp_path: Path) -> None:
    """Lengths, batches and frames are those that were asked for, and each check says how long it took."""
    report = quickly.export(nn.GRU(5, 6, batch_first=True), X, tmp_path / "m.onnx", effort=QUICK)
    details = {check.name: check.detail for check in report.verification.checks}
    assert details["parity"] == "lengths 1, 7; batches 1"
    assert details["drift"] == "64 chained frames"
    assert report.verification.seconds > 0
    with pytest.raises(ModelRefused, match="effort: frames: expected an integer from 1"):
        Effort(frames=0)


def test_a_refusal_names_the_worst_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output, sequence, frame and channel, with both numbers; nothing is written."""
    from rnnedge_export import passes

    original = passes.write_form

    def defective(*args: object, **options: object) -> object:
        written = original(*args, **options)
        next(n for n in written.model.graph if n.op_type == "Sigmoid").op_type = "Tanh"
        return written

    monkeypatch.setattr(passes, "write_form", defective)
    with pytest.raises(
        VerificationError,
        match=r"output 'y', sequence 0, frame \d+, channel \(0,\): expected .*, found .*; signal 'N\(0, 1\)', "
        r"road 'one push': first node whose value differs: 'node_sigmoid' \(Sigmoid\); nothing .* please report",
    ):
        quickly.export(Beside(), X, tmp_path / "m.onnx", effort=QUICK)
    assert not list(tmp_path.iterdir())


class Layers(nn.Module):
    """A window with a delay, a stride, a recurrence, and layers frame by frame."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.window, self.stride = nn.Conv1d(5, 8, 3, padding=1), nn.Conv1d(8, 8, 4, stride=2)
        self.gru, self.norm, self.head = nn.GRU(8, 6, batch_first=True), nn.LayerNorm(6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stride(self.window(x.transpose(1, 2)).relu()).transpose(1, 2)
        return self.head(self.norm(self.gru(y)[0]).tanh())


@pytest.mark.parametrize(
    ("form", "name", "precision"),
    [
        ("native", "norm", "float32"),
        ("step", "window", "float32"),
        ("step", "stride", "int8"),
    ],
)
def test_the_first_node_that_differs_is_named(form: str, name: str, precision: str, tmp_path: Path) -> None:
    """A weight that is another one; of later failures it is not said again. In fewer bits with the share of it."""
    quickly.export(Layers(), X, tmp_path / "m.onnx", form=form, precision=precision, effort=QUICK)
    module = Layers()
    with torch.no_grad():
        next(module.get_submodule(name).parameters()).view(-1)[:6] += 0.1 if precision == "float32" else 1.0
    found = rnnedge_export.verify(tmp_path / "m.onnx", module, effort=QUICK)
    first, *others = (check for check in found.checks if not check.passed)
    assert first.node.startswith("first node whose value differs" + (" by more" if precision != "float32" else ": "))
    assert first.node.endswith(f" of {name!r}")
    assert not any(check.node for check in others)


def test_a_capture_that_differs_from_the_source_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module is named whose value no node of the captured graph has."""
    from rnnedge_export import sources

    original = sources.capture

    def defective(source: Any, example: Any, opset: int) -> Any:
        captured = original(source, example, opset)
        graph = captured.model.clone()
        next(n for n in graph.graph if n.op_type == "LayerNormalization").attributes["epsilon"] = ir.AttrFloat32(
            "epsilon", 0.5
        )
        return replace(captured, model=graph)

    monkeypatch.setattr(sources, "capture", defective)
    with pytest.raises(VerificationError, match=r"captured graph differs from the source, first in 'norm' \(LayerNorm"):
        quickly.export(Layers(), X, tmp_path / "m.onnx", effort=QUICK)


class Noise(nn.Module):
    """Noise that no mode switches off."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * torch.randn_like(x)


def test_a_module_that_does_not_repeat_itself_is_told_so(tmp_path: Path) -> None:
    """Dropout that is always on, and noise: by name, or in the forward that draws it; no defect of ours is reported."""
    always = Frame(lambda x: nn.functional.dropout(x, 0.5, training=True))
    within = nn.Sequential(nn.Linear(5, 5), always, nn.Linear(5, 5))
    for module, place in ((within, r"first in '1' \(Frame\)"), (Noise(), "in its own forward")):
        with pytest.raises(
            ModelRefused, match=f"two runs of it on the same input differ by .*{place}: it draws random"
        ):
            quickly.export(module, X, tmp_path / "m.onnx", effort=QUICK)
    quickly.export(Frame(lambda x: x * 2), X, tmp_path / "m.onnx", effort=QUICK)
    with pytest.raises(ModelRefused, match="two runs of it"):
        rnnedge_export.verify(tmp_path / "m.onnx", always, example=X, effort=QUICK)


class Frame(nn.Module):
    """A function of each frame."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Reads(nn.Module):
    """A table of 50 tokens, of which `changed` are other ones."""

    def __init__(self, changed: slice) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(50, 3)
        with torch.no_grad():
            self.table.weight[changed] += 1

    def forward(self, x: Tensor) -> Tensor:
        return self.table(x)


@pytest.mark.parametrize(
    ("in_file", "in_source"),
    [
        (lambda x: x * 2, lambda x: (x * 2).clamp(-20, 20)),
        (torch.relu, nn.functional.relu6),
        (lambda x: x.exp() / x.exp().sum(-1, keepdim=True), lambda x: x.softmax(-1)),
        (lambda x: x * 2, lambda x: torch.where(x == 0, 1.0, x * 2)),
    ],
    ids=["clamp", "relu6", "softmax", "zero"],
)
def test_signals_as_in_life_show_what_random_frames_do_not(
    in_file: Callable[[Tensor], Tensor], in_source: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    """Beyond 4.5 sigma, and at exact zeros; the report names the signal."""
    unlike_life = Effort(QUICK.lengths, QUICK.batches, QUICK.frames, signals=(), roads=())
    quickly.export(Frame(in_file), X, tmp_path / "m.onnx", effort=unlike_life)
    assert rnnedge_export.verify(tmp_path / "m.onnx", Frame(in_source), example=X, effort=unlike_life).passed
    on_one_road = Effort(QUICK.lengths, QUICK.batches, QUICK.frames, roads=())
    found = rnnedge_export.verify(tmp_path / "m.onnx", Frame(in_source), example=X, effort=on_one_road)
    (failed,) = (check for check in found.checks if not check.passed)
    assert failed.name == "signals as in life"
    assert "signal '" in failed.place


def test_recordings_of_the_user_are_proven_on(tmp_path: Path) -> None:
    """What no signal of ours shows, in the second sequence of a long one; the contract names it."""
    sample = np.full((100, 5), 0.5, np.float32)
    sample[80, 2] = 3000.25
    linear, special = Frame(lambda x: x * 2), Frame(lambda x: torch.where((x > 3000.1) & (x < 3000.4), 7.0, x * 2))
    report = rnnedge_export.export(linear, X, tmp_path / "m.onnx", effort=QUICK, sample=[sample, sample[:7]])
    said = report.contract.provenance["proven_on"]
    assert said.startswith("64 frames of N(0, 1); silence; ")
    assert "; 2 recordings of 107 frames, sha256 " in said
    assert "2 recordings, 107 frames" in {check.detail for check in report.verification.checks}
    assert rnnedge_export.verify(tmp_path / "m.onnx", special, example=X, effort=QUICK).passed
    found = rnnedge_export.verify(tmp_path / "m.onnx", special, example=X, effort=QUICK, sample=sample)
    (failed,) = (check for check in found.checks if not check.passed)
    assert "frame 16, channel (2,): expected 7, found 6000.5" in failed.place
    assert "signal 'recording 0 from frame 64 on'" in failed.place
    with pytest.raises(InputError, match=r"sample: recording 1: input 'x': expected \(time, 5\), found \(3, 4\)"):
        rnnedge_export.export(linear, X, tmp_path / "m.onnx", effort=QUICK, sample=[sample, sample[:3, :4]])


@pytest.mark.parametrize("changed", [slice(10, 50), slice(49, 50)], ids=["most", "the last"])
def test_every_token_of_the_vocabulary_is_proven(changed: slice, tmp_path: Path) -> None:
    """Those that the example does not have, too."""
    example = torch.arange(20)[None] % 4
    report = quickly.export(Reads(slice(0, 0)), example, tmp_path / "m.onnx", effort=QUICK)
    assert "vocabulary: 50 of x" in {check.detail for check in report.verification.checks}
    found = rnnedge_export.verify(tmp_path / "m.onnx", Reads(changed), effort=QUICK)
    assert [check.name for check in found.checks if not check.passed] == ["every token"]


def test_a_large_vocabulary_is_asked_for_its_last_token() -> None:
    """A thousand tokens of many, none twice."""
    from rnnedge_export.verification import token_signals

    class Source:
        lengths = Lengths()

        def frames(self, batch: int, time: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
            return {"x": np.zeros((batch, time), np.int64)}

        def raw(self, frames: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            if frames["x"].max() >= 30_001:
                raise IndexError
            return frames

    source = Source()
    assert token_signals.vocabulary(source, "x") == 30_001
    found = token_signals.every_token(source, {"x": 30_001})["x"]
    assert found.max() == 30_000
    assert len(np.unique(found)) == found.size == 1024


class Two(nn.Module):
    """Two outputs, named by a dict in either order."""

    def __init__(self, names: tuple[str, str]) -> None:
        super().__init__()
        self.names = names

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.names, (x * 2, x * 3), strict=True))


def test_names_and_order_are_those_of_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture that names outputs the wrong way round is refused: the oracle names them by itself."""
    from rnnedge_export import sources

    original = sources.capture

    def reversed_names(source: Any, example: Any, opset: int) -> Any:
        named = source._named
        source._named = lambda result, extras: dict(reversed(named(result, extras).items()))
        return original(source, example, opset)

    monkeypatch.setattr(sources, "capture", reversed_names)
    with pytest.raises(
        VerificationError, match=r"names \(outputs\).*the source has \['a', 'b'\], the file \['b', 'a'\]"
    ):
        rnnedge_export.export(Two(("a", "b")), X, tmp_path / "m.onnx", effort=QUICK)


@pytest.mark.parametrize(
    ("method", "road"),
    [("reset", "after reset"), ("restore", "snapshot"), ("step", "step"), ("finish", "array pushes")],
)
def test_a_road_that_does_not_lead_there_is_named(
    method: str, road: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream whose method does nothing."""
    module = nn.GRU(5, 6, batch_first=True)
    quickly.export(module, X, tmp_path / "m.onnx", effort=QUICK)
    original = StreamRunner.finish
    broken = {"finish": lambda self: None if self._finished else original(self)}
    monkeypatch.setattr(StreamRunner, method, broken.get(method, lambda self, *_: None))
    found = rnnedge_export.verify(tmp_path / "m.onnx", module, effort=QUICK)
    (failed,) = (check for check in found.checks if not check.passed and check.name == "ways through the runtime")
    assert road in f"{failed.detail} {failed.place}"


class Ahead(nn.Module):
    """Windows that see `ahead` frames further on, of which the last `unused` have weights of zero."""

    def __init__(self, ahead: int = 2, unused: int = 0, left_out: int = 0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.window, self.left_out = nn.Conv1d(5, 4, 2 * ahead + 1, padding=ahead), left_out
        with torch.no_grad():
            self.window.weight[..., 2 * ahead + 1 - unused :] = 0

    def forward(self, x: Tensor) -> Tensor:
        y = self.window(x.transpose(1, 2)).transpose(1, 2)
        return y[:, : -self.left_out] if self.left_out else y


def test_an_output_waits_no_longer_than_its_source_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame too long is refused; weights that are zero are not waited for, frames that the end cuts off are."""
    for right, waits in ((Ahead(unused=2), 0), (Ahead(ahead=0, left_out=3), 3)):
        report = rnnedge_export.export(right, X, tmp_path / "m.onnx", effort=QUICK)
        assert report.contract.lookahead == waits
        latency = [check for check in report.verification.checks if check.name == "latency"]
        assert [check.passed for check in latency] == [True] * bool(waits)
    module = sys.modules["rnnedge_export.streaming.streamify"]
    original = module.until_certain

    def later(node: Any, value: Any, fact: Any, facts: Any) -> Any:
        return delayed(node, *original(node, value, fact, facts), 1, facts, "a frame too long")

    monkeypatch.setattr(module, "until_certain", later)
    with pytest.raises(VerificationError, match=r"latency .*output 'y' waits for 3 further input frames: what"):
        rnnedge_export.export(Ahead(), X, tmp_path / "m.onnx", effort=QUICK)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": ()}, r"labels: expected \('a', 'b', 'c', 'd'\), found \(\)"),
        ({"frame_rate_hz": 10.0}, "frame_rate_hz: expected 100.0, found 10.0"),
        ({"hop": 2}, "hop: expected 1, found 2"),
        ({"provenance": {"tolerance": "0.5"}}, "provenance 'module': expected 'Ahead', found None"),
    ],
    ids=["labels", "rate", "hop", "provenance"],
)
def test_the_contract_says_what_was_asked_for(
    change: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field that is lost or changed on its way into the file is refused by name."""
    from rnnedge_export import passes

    original = passes.stamp
    monkeypatch.setenv("RNNEDGE_DEBUG", "0")
    monkeypatch.setattr(passes, "stamp", lambda graph, contract: original(graph, replace(contract, **change)))
    options: dict[str, Any] = {"labels": ("a", "b", "c", "d"), "frame_rate_hz": 100.0}
    with pytest.raises(VerificationError, match=f"contract .*{words}"):
        rnnedge_export.export(Ahead(), X, tmp_path / "m.onnx", effort=QUICK, **options)
    assert not list(tmp_path.iterdir())


class Phase(nn.Module):
    """The phase of spectra, or how it moves from one to the next; `turned`: of a negative real number -pi for pi."""

    def __init__(self, *, moves: bool = False, turned: bool = False) -> None:
        super().__init__()
        self.moves, self.turned = moves, turned

    def forward(self, x: Tensor) -> Tensor:
        z = torch.fft.rfft(x.unfold(1, 8, 8), dim=-1)
        phase = torch.angle(z[:, 1:] * z[:, :-1].conj() if self.moves else z)
        return torch.where(phase > 3.1415926, -phase, phase) if self.turned else phase


def test_the_sign_of_an_empty_bin_is_nobodys(tmp_path: Path) -> None:
    """The phase of silence is no false alarm; that of the lowest bin, whose imaginary part is exactly 0, is proven."""
    x = torch.zeros(1, 64)
    rnnedge_export.export(Phase(moves=True), x, tmp_path / "m.onnx", effort=QUICK)
    rnnedge_export.export(Phase(), x, tmp_path / "m.onnx", effort=QUICK)
    found = rnnedge_export.verify(tmp_path / "m.onnx", Phase(turned=True), effort=QUICK)
    assert "expected -3.14159, found 3.14159" in next(check for check in found.checks if not check.passed).place
