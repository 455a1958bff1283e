"""The batches of an archive as tasks of a Ray cluster: the same rows, from the processes of many machines."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from rnnedge import __version__
from rnnedge.live.protocol import parse_address
from rnnedge.live.scoring.batch_rows import score_batch, stamp
from rnnedge.live.scoring.options import ScoreOptions
from rnnedge_runtime import Model, load
from rnnedge_runtime.cores import cores
from rnnedge_runtime.errors import InputError, MissingExtra, RnnEdgeError

# A batch whose process or machine died is given to another one that many times: it may be what they die of.
_RETRIES = 3
# Batches that wait in the cluster besides two for each core, so that one that grows by demand sees some.
_AHEAD = 16
# For rows alone: recordings are read where they are scored.
_STORE_BYTES = 128 << 20
_REACHED_S = 10.0


def scored_on(
    place: str, model: Model, file: Path, work: Iterator[list[str]], options: ScoreOptions
) -> Iterator[list[dict[str, Any]]]:
    """The rows of each batch of `work`, as it is done.

    `place`: "ray", a cluster on this machine that ends with the run; or "ray://HOST:PORT", the client's port of one
    that exists. Each process there loads `file` once; that and the recordings have to be where all machines see them.
    Raises `InputError` if there is no such cluster, or its machines have other files, `MissingExtra` without Ray.
    """
    job = {
        "version": __version__, "folder": str(Path.cwd()), "file": str(file), "digest": model.digest,
        "load": dict(options.load), "reduce": options.reduce, "reading": options.reading,
        "logits": options.logits,
    }  # fmt: skip
    with _cluster(place, options.workers) as ray:
        task = ray.remote(num_cpus=1, max_retries=_RETRIES)(_score_there)
        running: list[Any] = []
        try:
            while True:
                # A cluster that lost a machine takes fewer than are under way.
                room = max(0, _most(ray, place, options) - len(running))
                running += [task.remote(job, paths) for paths in islice(work, room)]
                if not running:
                    return
                done, running = ray.wait(running)
                yield _checked(place, ray.get(done[0]))
        except ray.exceptions.RayError as error:
            raise InputError(f"{place}: {_reason(error)}; run it again, what was scored is kept") from error
        except ConnectionError as error:
            raise InputError(
                f"{place}: the connection broke ({error}); run it again, what was scored is kept"
            ) from error


@contextmanager
def _cluster(place: str, workers: int) -> Iterator[Any]:
    """Ray, connected. What it would report of its use to its makers is off in all processes that are started here."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise MissingExtra(f"--on {place}: needs Ray; install it with: pip install 'rnnedge[ray]'") from error
    _check_reachable(place)
    here = {"num_cpus": workers or cores(), "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        given = {"address": "local", **here} if place == "ray" else {"address": place}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _connect(ray, given)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise InputError(
            f"{place}: expected a Ray cluster, of the same versions of Ray and Python as here, that takes the "
            f"RAY_AUTH_TOKEN of this process ({str(error).strip().splitlines()[-1]})"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _connect(ray: Any, given: dict[str, Any]) -> None:
    """Ask again if a cluster that is busy has not started what serves this client within its half minute."""
    for left in (2, 1, 0):
        try:
            ray.init(**given, logging_level=logging.ERROR, log_to_driver=False)
            return
        except ConnectionAbortedError:
            if not left:
                raise


def _check_reachable(place: str) -> None:
    """Ray itself waits for half a minute."""
    if place == "ray":
        return
    address = parse_address(place).place()
    try:
        socket.create_connection(address, _REACHED_S).close()
    except (OSError, UnicodeError) as error:
        raise InputError(f"{place}: cannot be reached ({getattr(error, 'strerror', None) or error})") from error


def _most(ray: Any, place: str, options: ScoreOptions) -> int:
    """How many batches are under way: those of a cluster that exists are limited by `workers` here alone."""
    if options.workers and place != "ray":
        return options.workers
    return int(2 * ray.cluster_resources().get("CPU", 0)) + _AHEAD


def _checked(place: str, answer: tuple[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    host, rows = answer
    for row in rows:
        if not row["stamp"] and stamp(row["file"]):
            raise InputError(
                f"{place}: {row['file']} is not on {host}; the recordings have to be where all machines see them"
            )
    return rows


def _reason(error: Any) -> str:
    """What failed there, in a line."""
    cause = getattr(error, "cause", None) or error
    return str(cause).strip().splitlines()[0]


# What this process of the cluster scores with, and for which job.
_loaded: tuple[dict[str, Any], Model] | None = None


def _score_there(job: dict[str, Any], paths: list[str]) -> tuple[str, list[dict[str, Any]]]:
    """In a process of the cluster: its machine, and a row for each of `paths`."""
    global _loaded
    host = socket.gethostname()
    if _loaded is None or _loaded[0] != job:
        _loaded = job, _open(job, host)
    os.chdir(job["folder"])
    return host, score_batch(_loaded[1], paths, job["reduce"], job["reading"], job["logits"])


def _open(job: dict[str, Any], host: str) -> Model:
    if job["version"] != __version__:
        raise InputError(f"{host} has rnnedge {__version__}, expected {job['version']}, as here")
    try:
        os.chdir(job["folder"])
        model = load(job["file"], **job["load"])
    except OSError as error:
        raise InputError(f"{host} has no folder {job['folder']}; it has to be where all machines see it") from error
    except RnnEdgeError as error:
        raise InputError(f"on {host}: {error}") from error
    if model.digest != job["digest"]:
        raise InputError(f"{host} has another file at {job['file']}; it has to be where all machines see it")
    return model
