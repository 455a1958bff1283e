"""Every kind of file that rnnedge writes, over an older one: the child that test_writers.py runs under strace.

Usage: python tests/chaos/writers.py WRITER FOLDER. Exit code 6 with the message for `InputError`, as the command line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import rnnedge_runtime.atomic as atomic
from rnnedge_runtime import InputError, load
from rnnedge_runtime.checksum import check_seal, seal

if TYPE_CHECKING:
    from rnnedge.training._state import TrainingState

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
_FRAMES = 300


@dataclass(frozen=True)
class Writer:
    """`write` puts a version, "old" or "new", into a folder; `read` says which one a reader finds there.

    Writing the old version also puts there what writing the new one reads.
    """

    write: Callable[[Path, str], None]
    read: Callable[[Path], str]


def temporary(target: Path) -> Path:
    """The name of the temporary file, the same each time so that strace can be told."""
    return target.with_name(f".{target.name}.tmp")


def write_snapshot(folder: Path, version: str) -> None:
    """`Stream.save`: the old version after two frames, the new one after three."""
    import numpy as np

    stream = load(GOLDEN).stream()
    for _ in range(2 if version == "old" else 3):
        stream.push(np.ones((1, 4), np.float32))
    stream.save(folder / "s.state")


def read_snapshot(folder: Path) -> str:
    """By `Stream.load`; the file itself has to be whole, not only the one before."""
    from rnnedge_runtime._snapshot import unpack

    unpack((folder / "s.state").read_bytes())
    stream = load(GOLDEN).stream()
    stream.load(folder / "s.state")
    return {2: "old", 3: "new"}[stream.frames]


def model_bytes(version: str) -> bytes:
    """The golden file with the version in the digest of its source's weights, sealed again."""
    golden = GOLDEN.read_bytes()
    before, key, after = golden[: -len(seal(b""))].partition(b'"weights_sha256":"')
    return seal(before + key + version.encode() + after[len(version) :])


def write_model(folder: Path, version: str) -> None:
    """What the exporter does with a verified file."""
    atomic.write_bytes(folder / "m.onnx", model_bytes(version))


def read_model(folder: Path) -> str:
    """By `load`, which checks the seal, and by the digest."""
    found = load(folder / "m.onnx", trust="local").digest
    return next(version for version in ("old", "new") if check_seal(model_bytes(version), "") == found)


def write_json(folder: Path, version: str) -> None:
    """The report of the demo."""
    atomic.write_text(folder / "r.json", json.dumps({"version": version, "us": list(range(5000))}, indent=2) + "\n")


def read_json(folder: Path) -> str:
    """Every figure is there."""
    fields = json.loads((folder / "r.json").read_text())
    assert fields["us"] == list(range(5000))
    return str(fields["version"])


def write_predictions(folder: Path, version: str) -> None:
    """`rnnedge run`, from beginning to end."""
    from rnnedge.cli import main

    if version == "old":
        (folder / "in.csv").write_text("1,2,3,4\n" * _FRAMES)
        (folder / "out.csv").write_text("frame,time_s,label,score\n0,0.0,noise,0.5\n")
        return
    sys.argv = ["rnnedge", "run", str(GOLDEN), str(folder / "in.csv"), "-o", str(folder / "out.csv")]
    main()


def read_predictions(folder: Path) -> str:
    """Every line is complete; as many as there are frames, or the first ones."""
    return {1: "old", _FRAMES: "new"}.get(read_lines(folder / "out.csv"), "part")


def read_lines(path: Path) -> int:
    """How many predictions a file holds; raises for a line that is not whole."""
    text = path.read_text()
    header, *rows = text.splitlines()
    assert header == "frame,time_s,label,score" and text.endswith("\n")
    assert [row.split(",")[0] for row in rows] == [str(k) for k in range(len(rows))]
    assert all(row.count(",") == 3 and float(row.rpartition(",")[2]) for row in rows)
    return len(rows)


def write_page(folder: Path, version: str) -> None:
    """The HTML report of a benchmark."""
    # Also where this file runs as a program.
    sys.path.append(str(Path(__file__).parents[1]))
    from made_reports import made_report

    from rnnedge.report.bench_page import write_page as write_bench_page

    write_bench_page({**made_report(), "file": version}, folder / "page.html")


def read_page(folder: Path) -> str:
    """From the doctype to the closing tag, with the name of the file that was measured."""
    text = (folder / "page.html").read_text().strip()
    assert text.lower().startswith("<!doctype html>") and text.endswith("</html>") and text.count("</svg>") == 3
    return "old" if "Latency of old" in text else "new"


def write_checkpoint(folder: Path, version: str) -> None:
    """A trained network: weights and config."""
    import torch

    from rnnedge.nn import NetworkConfig, RecurrentNetwork
    from rnnedge.training.checkpoint import RunInfo, save_checkpoint

    torch.manual_seed(len(version) + ord(version[0]))
    save_checkpoint(folder, RecurrentNetwork(NetworkConfig("gru", 4, 8, 3)), RunInfo(task=version))


def read_checkpoint(folder: Path) -> str:
    """By `load_checkpoint`, which checks that config and weights belong together."""
    from rnnedge.training.checkpoint import load_checkpoint

    return load_checkpoint(folder)[1].task


def new_training() -> TrainingState:
    """Of a network of 4 features."""
    import numpy as np
    import torch

    from rnnedge.nn import NetworkConfig, RecurrentNetwork
    from rnnedge.training import SequenceData, TrainerConfig
    from rnnedge.training._state import TrainingState

    torch.manual_seed(0)
    data = SequenceData((np.ones((5, 4), np.float32),), (0,))
    return TrainingState(RecurrentNetwork(NetworkConfig("gru", 4, 8, 3)), data, TrainerConfig(), 1.0)


def write_training(folder: Path, version: str) -> None:
    """A training in progress: the old version before its first epoch, the new one after it."""
    from rnnedge.training import Epoch

    training = new_training()
    if version == "new":
        training.close(Epoch(1, 0.5, 0.5, None))
    training.save(folder / "t.state")


def read_training(folder: Path) -> str:
    """By `load`, which checks its digest."""
    training = new_training()
    training.load(folder / "t.state")
    return {0: "old", 1: "new"}[len(training.epochs)]


WRITERS = {
    "snapshot": Writer(write_snapshot, read_snapshot),
    "model": Writer(write_model, read_model),
    "json": Writer(write_json, read_json),
    "predictions": Writer(write_predictions, read_predictions),
    "page": Writer(write_page, read_page),
    "checkpoint": Writer(write_checkpoint, read_checkpoint),
    "training": Writer(write_training, read_training),
}


def write(writers: dict[str, Writer]) -> None:
    """Write the new version as the command line says."""
    atomic._beside = temporary
    try:
        writers[sys.argv[1]].write(Path(sys.argv[2]), "new")
    except InputError as error:
        sys.stderr.write(f"rnnedge: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    write(WRITERS)
