"""Archives of recordings: exact in batches, resumable, and one bad recording harms no other."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
import torch
from exported import export_network
from in_one_test import in_one_test

from rnnedge.cli import execute
from rnnedge.frames import ReadOptions
from rnnedge.live.scoring import ScoreOptions, batch_rows, long_recording, run_batch, score_archive
from rnnedge.live.scoring.archive import batches
from rnnedge.live.scoring.batch_rows import score_batch
from rnnedge.live.scoring.journal import Journal
from rnnedge.live.scoring.table import write_table
from rnnedge_runtime import Model, load
from rnnedge_runtime.errors import InputError

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
LENGTHS = (1, 2, 7, 30, 30, 31, 64)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Recordings of awkward lengths."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for i, length in enumerate(LENGTHS):
        np.save(f"{i}.npy", random.standard_normal((length, 4)).astype(np.float32))
    return [f"{i}.npy" for i in range(len(LENGTHS))]


@in_one_test("name", ["gru", "smooth"])
def test_a_batch_gives_what_each_gives_by_itself(name: str, gru: Model, smooth: Path) -> None:
    """Whatever their lengths, in a model that looks ahead too."""
    model = {"gru": gru, "smooth": load(smooth)}[name]
    width = {"gru": 4, "smooth": 1}[name]
    random = np.random.default_rng(0)
    recordings = [random.standard_normal((n, width)).astype(np.float32) for n in (*LENGTHS, 2100)]
    for x, found in zip(recordings, run_batch(model, recordings), strict=True):
        (actual,) = found.values()
        np.testing.assert_allclose(actual, model.run(x), atol=1e-6)


def test_a_table_has_a_row_for_each_recording(archive: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order in which they were named; with the label of the mean, and with processes as without."""
    monkeypatch.setattr("rnnedge.live.scoring.archive._ALONE_S", -1)
    assert execute(["score", str(GOLDEN), "*.npy", "-o", "a.csv", "--workers", "1", "--batch", "3"]) == 0
    assert execute(["score", str(GOLDEN), *archive, "-o", "b.csv", "--workers", "2", "--batch", "3"]) == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    assert not [*Path().glob("*.part")]
    with Path("a.csv").open() as file:
        rows = [*csv.DictReader(file)]
    model = load(GOLDEN)
    assert [row["file"] for row in rows] == archive
    for row, path in zip(rows, archive, strict=True):
        mean = model.run(np.load(path)).mean(axis=0)
        assert row["label"] == model.contract.labels[int(mean.argmax())]
        np.testing.assert_allclose([float(row[label]) for label in model.contract.labels], mean, atol=1e-5)


@in_one_test("name, reduce", [("gru", "mean"), ("gru", "max"), ("gru", "last"), ("smooth", "mean"), ("both", "max")])
def test_a_long_recording_streams(
    name: str, reduce: str, gru: Model, smooth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of kilobytes may promise gigabytes of frames; its row is that of all at once, summaries too."""
    model = {"gru": lambda: gru, "smooth": lambda: load(smooth), "both": lambda: both(tmp_path)}[name]()
    shape = tuple(map(int, model.contract.inputs[0].frame_shape))
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((2500, *shape)).astype(np.float32))
    path = str(tmp_path / "x.npy")
    (expected,) = score_batch(model, [path], reduce, ReadOptions())
    monkeypatch.setattr(long_recording, "_HELD_BYTES", 1)
    monkeypatch.setattr(batch_rows, "run_batch", lambda _model, recordings: [{}] * len(recordings))
    (found,) = score_batch(model, [path], reduce, ReadOptions())
    assert found.keys() == expected.keys() and found["frames"] == 2500 and "error" not in found
    for key, value in expected.items():
        assert found[key] == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value), key


def test_values_of_labels_are_probabilities(
    archive: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every frame before they are reduced, where the file says how; recordings that stream too."""
    options: dict[str, Any] = {"labels": ("a", "b", "c"), "notes": {"scores": "softmax"}}
    quickly.export(torch.nn.GRU(4, 3, batch_first=True).eval(), torch.zeros(1, 9, 4), tmp_path / "m.onnx", **options)
    model = load("m.onnx")
    for reduce in ("mean", "max"):
        logits = torch.from_numpy(model.run(np.load(archive[-1])))
        for arrays, asked in ((logits.softmax(-1), ()), (logits, ("--logits",))):
            expected = getattr(arrays.numpy(), reduce)(axis=0)
            for held in (1 << 20, 1):
                monkeypatch.setattr(long_recording, "_HELD_BYTES", held)
                assert execute(["score", "m.onnx", archive[-1], "-o", "a.csv", "--reduce", reduce, *asked]) == 0
                (row,) = csv.DictReader(Path("a.csv").read_text().splitlines())
                np.testing.assert_allclose([float(row[label]) for label in "abc"], expected, atol=1e-6)
                assert float(row["score"]) == pytest.approx(expected.max(), abs=1e-6)


def both(folder: Path) -> Model:
    """An output for every frame, and summaries."""
    return export_network("both", "native", folder).model


def test_a_long_recording_that_is_bad_has_its_reason(
    gru: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of its frames, and of its file."""
    monkeypatch.setattr(long_recording, "_HELD_BYTES", 1)
    (tmp_path / "a.csv").write_text("1,2,3,4\n" * 5000 + "1,2,nan,4\n")
    (tmp_path / "b.csv").write_text("1,2,3,4\n" * 5000 + "1,2,4\n")
    for name, words in (("a", "finite"), ("b", "row 5,?001")):
        (row,) = score_batch(gru, [str(tmp_path / f"{name}.csv")], "mean", ReadOptions())
        assert re.search(f"{name}.csv.*{words}", row["error"]), row


def test_a_bad_recording_harms_no_other(archive: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Its row has the reason; the exit code is 6."""
    Path("0.npy").write_bytes(b"junk")
    np.save("1.npy", np.full((5, 4), np.nan, np.float32))
    assert execute(["score", str(GOLDEN), *archive, "none.npy", "-o", "a.csv", "--workers", "1"]) == 6
    assert "3 of 8 recordings" in capsys.readouterr().err
    with Path("a.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert [bool(row["error"]) for row in rows] == [True, True, *[False] * 5, True]
    assert "finite" in rows[1]["error"] and "no such file" in rows[-1]["error"]


def test_a_run_that_was_killed_is_taken_up(archive: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are there stay, half a line is cut off, a file that changed since is scored again."""
    whole, part = Path("whole.csv"), Path("a.csv.part")
    options = ScoreOptions(batch=2)
    score_archive(GOLDEN, archive, whole, options)
    scored: list[str] = []

    def killed(done: int, total: int) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_archive(GOLDEN, archive, Path("a.csv"), options, killed)
    kept = [json.loads(line)["file"] for line in part.read_text().splitlines()[1:]]
    with part.open("a") as file:
        file.write('{"file": "6.n')
    np.save(kept[0], np.load(kept[0]) + 1)
    monkeypatch.setattr("rnnedge.live.scoring.batch_rows._parts", _counted(scored))
    score_archive(GOLDEN, archive, Path("a.csv"), options)
    assert sorted(scored) == sorted({*archive} - {*kept[1:]})
    assert not part.exists()
    changed = [a != b for a, b in zip(*(p.read_text().splitlines() for p in (Path("a.csv"), whole)), strict=True)]
    assert sum(changed) == 1


def _counted(scored: list[str]):  # type: ignore[no-untyped-def]
    from rnnedge.live.scoring import batch_rows

    read = batch_rows._parts

    def frames(path: str, *how: Any) -> object:
        scored.append(path)
        return read(path, *how)

    return frames


def test_what_another_model_left_is_not_mixed_in(tmp_path: Path) -> None:
    """Nor what another program left."""
    path = tmp_path / "a.csv.part"
    Journal(path, {"model": "a"}).close()
    Journal(path, {"model": "a"}).close()
    with pytest.raises(InputError, match="another model"):
        Journal(path, {"model": "b"})
    for junk in ("junk\n", "a file without a line end", "[" * 100_000 + "\n"):
        path.write_text(junk)
        with pytest.raises(InputError, match="delete it"):
            Journal(path, {"model": "a"})
        assert path.read_text() == junk


@in_one_test(
    "row",
    [
        {}, {"file": 1}, {"file": ["a"]}, {"file": "a", "frames": {"x": 1}}, {"file": "a", "frames": "1"},
        {"file": "a", "error": 5}, {"file": "a", "frames": 10**40}, {"file": "a", "y0": None},
        {"file": "a", "y0": True},
    ],
)  # fmt: skip
def test_a_row_that_was_changed_is_no_row(row: dict[str, Any], tmp_path: Path) -> None:
    """Each kind of cell that a table could not hold later."""
    path = tmp_path / "a.csv.part"
    journal = Journal(path, {"model": "a"})
    journal.add([{"file": "b", "frames": 3, "label": "up", "y0": float("nan"), "stamp": [1, 2]}])
    journal.close()
    Journal(path, {"model": "a"}).close()
    path.write_text(path.read_text() + json.dumps(row) + "\n")
    with pytest.raises(InputError, match="delete it"):
        Journal(path, {"model": "a"})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_the_place_of_rows_is_an_error(tmp_path: Path) -> None:
    """It is not waited for."""
    path = tmp_path / "a.csv.part"
    os.mkfifo(path)
    with pytest.raises(InputError, match="found a pipe"):
        Journal(path, {"model": "a"})


def test_names_that_are_no_unicode_are_written(tmp_path: Path) -> None:
    """Of a file from a system with another encoding; with their bytes escaped, in both kinds of table."""
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    name = b"caf\xe9.npy".decode("utf-8", "surrogateescape")
    for table in (tmp_path / "a.csv", tmp_path / "a.parquet"):
        write_table(table, [{"file": name, "frames": 1}])
    assert "caf\\udce9.npy" in (tmp_path / "a.csv").read_text()
    assert pyarrow.parquet.read_table(tmp_path / "a.parquet")["file"].to_pylist() == ["caf\\udce9.npy"]


@pytest.mark.parametrize(
    "options",
    [
        {"batch": 0},
        {"batch": 2.0},
        {"workers": -1},
        {"workers": "2"},
        {"reduce": "sum"},
        {"on": "dask"},
        {"on": "ray:"},
        {"on": "ray://head"},
        {"on": "ray://a b:1"},
        {"on": ""},
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    """Before anything is scored."""
    with pytest.raises(InputError, match="score: "):
        ScoreOptions(**options)


def test_a_run_with_other_options_is_not_taken_up(archive: list[str]) -> None:
    """Logits and probabilities have the same columns; so have those of a version that knew logits only."""
    before = {"model": load(GOLDEN).digest, "reduce": "mean"}
    for made_by in (before, {**before, "scores": "logits"}, {**before, "scores": "probabilities", "reading": "other"}):
        Journal(Path("a.csv.part"), made_by).close()
        with pytest.raises(InputError, match="with other options; delete it"):
            score_archive(GOLDEN, archive, Path("a.csv"), ScoreOptions())
        Path("a.csv.part").unlink()


def test_recordings_of_like_size_are_together(archive: list[str]) -> None:
    """Shortest first."""
    assert [*batches(archive[::-1], 3)] == [["0.npy", "1.npy", "2.npy"], ["4.npy", "3.npy", "5.npy"], ["6.npy"]]


def test_parquet_is_written(archive: list[str]) -> None:
    """With a column for each value."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    score_archive(GOLDEN, archive, Path("a.parquet"), ScoreOptions())
    assert parquet.read_table("a.parquet").column_names[:4] == ["file", "frames", "label", "score"]
