"""`rnnedge run --context`: numbers, files, and what is said of anything else."""

from __future__ import annotations

from pathlib import Path

import conditioned
import numpy as np
import pytest
import typer
from command import Command

from rnnedge.cli._context import context_of
from rnnedge_runtime import load

X = np.random.default_rng(0).standard_normal((4, conditioned.FRAMES)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model, frames, and a speaker in a file."""
    (tmp_path / "voice.onnx").write_bytes(conditioned.file())
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "speaker.npy", np.array([0.5, 1, -2], np.float32))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("speaker", ["@speaker.npy", "0.5,1,-2"])
def test_a_context_is_a_file_or_numbers(speaker: str, folder: Path, rnnedge: Command) -> None:
    """As the stream of the library computes."""
    done = rnnedge("run", "voice.onnx", "x.npy", "--context", f"speaker={speaker}", "--context", "language=3")
    assert done.code == 0, done.err
    found = np.array([line.split(",")[1:] for line in done.out.splitlines()[1:]], np.float32)
    context = {"speaker": [0.5, 1, -2], "language": 3}
    np.testing.assert_allclose(found, load("voice.onnx").stream(context=context).push(X), atol=1e-5)


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ([], 6, "expected the context 'speaker'"),
        (["speaker=1,2", "language=0"], 6, "'speaker': expected shape (3,), found (2,)"),
        (["speaker=@none.npy"], 6, "none.npy"),
        (["voice=1"], 6, "'voice' is no context of this file"),
        (["speaker"], 2, "expected name=value"),
        (["speaker=loud"], 2, "expected a number"),
    ],
)
def test_a_wrong_context_ends_with_one_line(
    given: list[str], code: int, words: str, folder: Path, rnnedge: Command
) -> None:
    """Before anything is computed."""
    options = [part for text in given for part in ("--context", text)]
    done = rnnedge("run", "voice.onnx", "x.npy", *options)
    assert done.code == code
    assert words in " ".join(done.err.replace("│", " ").split())


@pytest.mark.parametrize("text", ["1_0", "\u0663", "0x10", "1,2_0", "nan(1)"])
def test_a_number_of_the_command_line_is_one_for_every_reader(text: str) -> None:
    """A number of a file is no other."""
    with pytest.raises(typer.BadParameter, match="expected a number"):
        context_of([f"speaker={text}"])
    assert context_of(["speaker=9007199254740993", "language=-2.5"]) == {"speaker": 9007199254740993, "language": -2.5}
