"""All recordings of an archive into one table."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from typing import Any

from rnnedge.frames import ReadOptions
from rnnedge.live.scoring.batch_rows import score_batch, stamp
from rnnedge.live.scoring.journal import Journal
from rnnedge.live.scoring.options import ScoreOptions
from rnnedge.live.scoring.table import check_table, write_table
from rnnedge_runtime import Model, load
from rnnedge_runtime.cores import cores
from rnnedge_runtime.errors import InputError

# Bytes of the files of a batch, so that a few long recordings do not fill the memory.
_BATCH_BYTES = 1 << 28
_ALONE_S = 2.0


def score_archive(
    file: Path,
    recordings: Sequence[str],
    output: Path,
    options: ScoreOptions,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Score `recordings` and write `output`, a row each, in their order; returns how many could not be scored.

    What was scored is kept in `output` with the ending .part; a run that ends early, or is killed, is taken up again
    there. A recording that cannot be read has its reason in the column `error`.
    Raises `ModelRefused` as `load` does, and `InputError` for a table that cannot be written.
    """
    check_table(output)
    model = load(file, **options.load)
    if len(model.contract.inputs) > 1 or model.contract.contexts:
        raise InputError(f"{file}: expected a model of one input and no context; push the recordings from a program")
    # Named in any case: a run of before gave the values of the network under the same name.
    scores = "logits" if options.logits else "probabilities"
    made_by = {"model": model.digest, "reduce": options.reduce, "scores": scores}
    if options.reading != ReadOptions():
        made_by["reading"] = str(options.reading)
    journal = Journal(output.with_name(output.name + ".part"), made_by)
    try:
        left = [path for path in recordings if journal.rows.get(path, {}).get("stamp") != stamp(path)]
        for rows in _scored(model, file, batches(left, options.batch), options):
            journal.add(rows)
            progress(sum(path in journal.rows for path in recordings), len(recordings))
        rows = [{k: v for k, v in journal.rows[path].items() if k != "stamp"} for path in recordings]
        write_table(output, rows)
        journal.delete()
    finally:
        journal.close()
    return sum("error" in row for row in rows)


def batches(recordings: Sequence[str], most: int) -> Iterator[list[str]]:
    """Recordings of like length: those whose files are of like size, and end alike."""
    order = sorted(recordings, key=lambda path: (Path(path).suffix.lower(), _size(path)))
    batch: list[str] = []
    for path in order:
        if len(batch) == most or (batch and sum(map(_size, batch)) + _size(path) > _BATCH_BYTES):
            yield batch
            batch = []
        batch.append(path)
    if batch:
        yield batch


def _size(path: str) -> int:
    return (stamp(path) or [0])[0]


def _scored(
    model: Model, file: Path, work: Iterator[list[str]], options: ScoreOptions
) -> Iterator[list[dict[str, Any]]]:
    """The rows of each batch, as it is done, by the cluster that `options` name, or here.

    This process begins by itself, and others join in if it is not done by the time that they take to start. Two batches
    for each of them are under way.
    """
    if options.on:
        from rnnedge.live.scoring.ray_cluster import scored_on

        yield from scored_on(options.on, model, file, work, options)
        return
    begun, most = monotonic(), options.workers or cores()
    for paths in work:
        yield score_batch(model, paths, options.reduce, options.reading, options.logits)
        if most > 1 and monotonic() - begun > _ALONE_S:
            break
    else:
        return
    with ProcessPoolExecutor(most, get_context("spawn"), _begin, (str(file), dict(options.load))) as workers:
        running: set[Future[list[dict[str, Any]]]] = set()
        try:
            while True:
                more = islice(work, 2 * most - len(running))
                asked = options.reduce, options.reading, options.logits
                running |= {workers.submit(_score_there, paths, *asked) for paths in more}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        except BrokenProcessPool as error:
            raise InputError(
                f"{file}: a process that scored was ended; run it again, what was scored is kept"
            ) from error
        finally:
            workers.shutdown(wait=True, cancel_futures=True)


_model: Model | None = None


def _begin(file: str, options: dict[str, Any]) -> None:
    """In a process of the pool, once."""
    global _model
    # Ctrl-C is for the process that gives the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _model = load(file, **options)


def _score_there(paths: list[str], reduce: str, reading: ReadOptions, logits: bool) -> list[dict[str, Any]]:
    assert _model is not None
    return score_batch(_model, paths, reduce, reading, logits)
