"""Archives that are scored by a cluster of Ray: the table is that of this machine, whatever dies meanwhile."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import rnnedge
from rnnedge.cli import execute
from rnnedge.frames import ReadOptions
from rnnedge.live.scoring import ScoreOptions, ray_cluster, score_archive
from rnnedge.live.scoring.batch_rows import score_batch
from rnnedge_runtime import load
from rnnedge_runtime.errors import InputError, MissingExtra

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
linux = pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a cluster in /proc")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two hundred recordings, some of which cannot be read."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    paths = [f"{i:03}.npy" for i in range(200)]
    for path in paths:
        np.save(path, random.standard_normal((int(random.integers(1, 20_000)), 4)).astype(np.float32))
    np.save("007.npy", np.full((5, 4), np.nan, np.float32))
    Path("009.npy").write_bytes(b"junk")
    return [*paths, "none.npy"]


@pytest.mark.long
@linux
def test_a_cluster_scores_as_this_machine_does(archive: list[str]) -> None:
    """To the byte: whole, with workers killed in the middle, and with a node lost."""
    pytest.importorskip("ray", reason="needs ray")
    from ray_nodes import two_nodes

    score_archive(GOLDEN, archive, Path("here.csv"), ScoreOptions(batch=4))
    expected = Path("here.csv").read_bytes()
    with two_nodes() as cluster:
        options, killed = ScoreOptions(batch=4, workers=0, on=cluster.address), list[int]()

        def kill_worker(done: int, total: int) -> None:
            found = [one for one, name in cluster.processes().items() if name.startswith("ray::_score_there")]
            if len(killed) < 3 and found:
                cluster.kill(found[0])
                killed.append(found[0])

        def kill_node(done: int, total: int) -> None:
            cluster.kill(*cluster.processes(1))

        for table, progress in (("whole", lambda *_: None), ("killed", kill_worker), ("lost", kill_node)):
            assert score_archive(GOLDEN, archive, Path(f"{table}.csv"), options, progress) == 3
            assert Path(f"{table}.csv").read_bytes() == expected, table
        assert len(killed) == 3


@pytest.mark.long
@linux
def test_a_cluster_is_made_on_this_machine(archive: list[str]) -> None:
    """And ends with the run; nothing of its use is reported."""
    pytest.importorskip("ray", reason="needs ray")
    score_archive(GOLDEN, archive[:20], Path("here.csv"), ScoreOptions(batch=4))
    assert score_archive(GOLDEN, archive[:20], Path("ray.csv"), ScoreOptions(batch=4, workers=1, on="ray")) == 2
    assert Path("ray.csv").read_bytes() == Path("here.csv").read_bytes()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_where_there_is_no_cluster_is_told(archive: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """In a line, at once, and what was scored before is kept."""
    pytest.importorskip("ray", reason="needs ray")
    assert execute(["score", str(GOLDEN), *archive, "-o", "a.csv", "--on", "ray://127.0.0.1:1"]) == 6
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rnnedge: ray://127.0.0.1:1: cannot be reached")


def test_without_ray_its_extra_is_named(archive: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is scored."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"rnnedge\[ray\]"):
        score_archive(GOLDEN, archive, Path("a.csv"), ScoreOptions(on="ray"))


def test_a_cluster_that_loses_machines_scores_all(archive: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With more batches under way than it takes from then on."""

    class Ray:
        """Many cores until the first batch is done, then one; a task is done as it is asked for."""

        exceptions = SimpleNamespace(RayError=RuntimeError)

        def __init__(self) -> None:
            self.cores = 64

        def remote(self, **_: object) -> Callable[[Callable[..., object]], object]:
            return lambda call: SimpleNamespace(remote=call)

        def wait(self, running: list[object]) -> tuple[list[object], list[object]]:
            self.cores = 1
            return running[:1], running[1:]

        def get(self, one: object) -> object:
            return one

        def cluster_resources(self) -> dict[str, int]:
            return {"CPU": self.cores}

    monkeypatch.setattr(ray_cluster, "_cluster", lambda *_: nullcontext(Ray()))
    recordings = [path for path in archive[:60] if path not in ("007.npy", "009.npy")]
    options = ScoreOptions(batch=1, workers=0, on="ray")
    assert score_archive(GOLDEN, recordings, Path("ray.csv"), options) == 0
    score_archive(GOLDEN, recordings, Path("here.csv"), ScoreOptions(batch=1))
    assert Path("ray.csv").read_bytes() == Path("here.csv").read_bytes()


def test_an_address_of_the_sixth_version_is_reached() -> None:
    """It stands in brackets."""
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("has no such addresses")
    with listener:
        ray_cluster._check_reachable(f"ray://[::1]:{listener.getsockname()[1]}")


def test_machines_that_have_other_files_are_named(archive: list[str]) -> None:
    """Where another version, model or folder is, or no recording that is here; nothing is scored with it."""
    job = {
        "version": rnnedge.__version__, "folder": str(Path.cwd()), "file": str(GOLDEN), "load": {}, "reduce": "mean",
        "digest": load(GOLDEN).digest, "reading": ReadOptions(), "logits": False,
    }  # fmt: skip
    host, rows = ray_cluster._score_there(job, archive[:2])
    assert rows == score_batch(load(GOLDEN), archive[:2], "mean", ReadOptions())
    for change, words in (
        ({"version": "0.0"}, "expected 0.0, as here"),
        ({"digest": "of another"}, "another file"),
        ({"folder": "/nowhere"}, "no folder /nowhere"),
        ({"file": "gone.onnx"}, "gone.onnx"),
    ):
        with pytest.raises(InputError, match=f"{host}.*{words}"):
            ray_cluster._score_there(job | change, archive[:2])
    assert ray_cluster._checked("ray", (host, [{"file": "none.npy", "stamp": []}]))
    with pytest.raises(InputError, match=f"{archive[0]} is not on {host}"):
        ray_cluster._checked("ray", (host, [{"file": archive[0], "stamp": []}]))
