"""Arguments next to the frames: which of them is a context, and that a file takes another one than its example's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import conditioned
import pytest
import quickly
import torch
from in_one_test import in_one_test
from torch import Tensor, nn

import rnnedge_export
from rnnedge_export import Effort
from rnnedge_export.capture import read_example
from rnnedge_runtime import load
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.stream_runner import StreamRunner

QUICK = Effort(lengths=(1, 7), batches=(1, 3), frames=64)


@in_one_test("form", ["step", "unrolled", "scan"])
def test_every_form_takes_the_context(form: str, tmp_path: Path) -> None:
    """The proof streams other values, one for each sequence, in a batch and in a pool."""
    report = quickly.export(conditioned.network(), conditioned.example(), tmp_path / "m.onnx", form=form, effort=QUICK)
    assert [state.input for state in report.contract.contexts] == ["speaker", "language"]
    assert "values per sequence" in [check.name for check in report.verification.checks]


def test_verify_finds_a_context_that_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams whose `set_context` does nothing are told from the module."""
    path = tmp_path / "m.onnx"
    path.write_bytes(conditioned.file())
    assert rnnedge_export.verify(path, conditioned.network(), effort=QUICK).passed
    monkeypatch.setattr(StreamRunner, "set_context", lambda *_: None)
    found = rnnedge_export.verify(path, conditioned.network(), effort=QUICK)
    assert [check.name for check in found.checks if not check.passed] == ["values per sequence"]


def test_verify_begins_with_the_contexts_of_the_file(tmp_path: Path) -> None:
    """Defaults that are tensors, and an example with other values."""
    context = {"speaker": torch.tensor([2.0, -1.0, 0.5]), "language": torch.tensor(3)}
    x, speaker, language = conditioned.example()
    quickly.export(conditioned.network(), (x, speaker, language), tmp_path / "m.onnx", context=context)
    other = (x, speaker + 1, language.flip(0))
    assert rnnedge_export.verify(tmp_path / "m.onnx", conditioned.network(), example=other, effort=QUICK).passed


class _Unread(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 4)

    def forward(self, x: Tensor, speaker: Tensor) -> Tensor:
        return self.head(x)


def test_what_nothing_reads_is_refused_by_its_name(tmp_path: Path) -> None:
    """Nobody could give a stream another one."""
    with pytest.raises(ModelRefused, match="'speaker': nothing in forward reads it"):
        quickly.export(_Unread(), (torch.zeros(1, 8, 3), torch.zeros(1, 2)), tmp_path / "m.onnx")


class _Folded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 4)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        batch, time, _ = x.shape
        repeated = z[:, None].expand(batch, time, 3).reshape(batch * time, 3)
        return self.head(x.reshape(batch * time, 3) + repeated).reshape(batch, time, 4)


def test_a_context_folded_with_time_is_refused_with_a_remedy(tmp_path: Path) -> None:
    """A call has other frames than the whole sequence."""
    with pytest.raises(ModelRefused, match="on the axis of the batch; let it meet the frames before time is folded"):
        quickly.export(_Folded(), (torch.zeros(1, 8, 3), torch.ones(1, 3)), tmp_path / "m.onnx")


class _Takes(nn.Module):
    """Calls `make` with the arguments."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def forward(self, x: Tensor, a: Any = None, b: Any = None) -> Any:
        return self.make(x, a, b)


def _scaled(x: Tensor, a: Tensor, _: Any) -> Tensor:
    return x * (a @ torch.ones(12, 1))[:, None]


def _joined(x: Tensor, a: Tensor, _: Any) -> Tensor:
    return torch.cat([x, a], -1)


def _start(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return nn.GRU(4, 5, batch_first=True)(x, a)[0] + b[:, None]


X = torch.randn(2, 12, 4)


@in_one_test(
    ("make", "example", "frames", "extras"),
    [
        (_scaled, (X, torch.ones(2, 12)), 1, [("a", 0)]),
        (_joined, (X, torch.ones(2, 12, 3)), 2, []),
        (_start, (X, torch.ones(1, 2, 5), torch.ones(2, 5)), 1, [("a", 1), ("b", 0)]),
        (_start, (X[:1], torch.ones(1, 1, 5), torch.ones(1, 5)), 1, [("a", 1), ("b", 0)]),
        (_scaled, {"a": torch.ones(2, 12), "x": X}, 1, [("a", 0)]),
        (_scaled, (X, {"a": torch.ones(2, 12)}), 1, [("a", 0)]),
        (lambda x, a, b: x * b[:, None, None], (X, None, torch.ones(2)), 1, [("b", 0)]),
        (lambda x, a, b: x * a[0][:, None] + a[1][:, None, None], (X, (torch.ones(2, 1), torch.ones(2))), 1,
         [("a.0", 0), ("a.1", 0)]),
    ],
)  # fmt: skip
def test_sequences_are_told_from_what_goes_with_them(make: Any, example: Any, frames: int, extras: Any) -> None:
    """By their sizes, and where those agree by calling the module."""
    read = read_example(example, 0, 1, _Takes(make))
    assert len(read.tensors) == frames
    assert [(extra.name, extra.axis) for extra in read.extras] == extras
    args, kwargs = read.call(read.given(2, 12))
    _Takes(make)(*args, **kwargs)


@in_one_test(
    ("given", "message"),
    [
        (torch.tensor(0.5), r"'a': expected a value per sequence.*found shape \(\)"),
        (torch.ones(5), r"'a': expected a value per sequence.*found shape \(5,\)"),
        (True, "'a': expected a tensor, a value per sequence, found bool"),
        (torch.ones(2, dtype=torch.complex64), "'a': expected numbers or truth values, found torch.complex64"),
    ],
)
def test_what_is_no_value_per_sequence_is_refused_by_its_name(given: Any, message: str) -> None:
    """Before anything is captured."""
    with pytest.raises(ModelRefused, match=message):
        read_example((X, given), 0, 1, _Takes(lambda x, a, _: x * a))


def _attends(x: Tensor, a: Tensor, _: Any) -> Tensor:
    return torch.softmax(x @ a.transpose(1, 2), -1) @ a


def test_a_context_is_declared_by_its_name() -> None:
    """What has the sizes of frames, and goes with longer ones too, is a sequence unless the caller says otherwise."""
    example = (X, torch.ones(2, 12, 4))
    assert len(read_example(example, 0, 1, _Takes(_attends)).tensors) == 2
    read = read_example(example, 0, 1, _Takes(_attends), ["a"])
    assert [extra.name for extra in read.extras] == ["a"]
    assert read.extras[0].default is None


def test_a_default_has_the_shape_of_one_sequence() -> None:
    """A stream that is given none has that, in place of the example's."""
    example = (X, torch.ones(2, 12))
    (extra,) = read_example(example, 0, 1, _Takes(_scaled), {"a": list(range(12))}).extras
    assert extra.first.tolist() == [list(range(12))]
    for wrong in ([1.0], "loud", [float("1e39")] * 12, [float("nan")] * 12):
        with pytest.raises(ModelRefused, match="context: 'a'"):
            read_example(example, 0, 1, _Takes(_scaled), {"a": wrong})
    with pytest.raises(ModelRefused, match="context: 'b' is no argument of the example"):
        read_example(example, 0, 1, _Takes(_scaled), ["b"])


def test_a_file_in_float16_takes_the_context(tmp_path: Path) -> None:
    """In the dtype of its states."""
    path = tmp_path / "m.onnx"
    quickly.export(conditioned.network(), conditioned.example(), path, precision="float16", effort=QUICK)
    stream = load(path).stream(context={"speaker": [0.5, 1, 2], "language": 3})
    assert stream.push(torch.zeros(2, conditioned.FRAMES).numpy()).shape == (2, 6)
