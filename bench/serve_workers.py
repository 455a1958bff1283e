"""Whether two workers serve twice as many streams: processor time of a frame, at as many streams for each worker.

Usage: python -m bench.serve_workers [SOCKETS]   (a minute; processor time, so that other processes do not matter much)
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from bench.score import network
from bench.serve_costs import busy, run_load, server

_ROUNDS = 3


def main(sockets: int = 150) -> None:
    """Interleaved rounds of one and two workers; prints medians."""
    frame_us: dict[int, list[float]] = {1: [], 2: []}
    shares: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        model = network(Path(place))
        for _ in range(_ROUNDS):
            for workers, found in frame_us.items():
                with server(model, "--workers", str(workers)) as (front, url):
                    pids = [front, *_children(front)]
                    before = [busy([pid]) for pid in pids]
                    load = run_load(pids, url, sockets * workers, 1)
                    found.append(load.busy_s / load.seen["frames"] * 1e6)
                    each = [busy([pid]) - begun for pid, begun in zip(pids, before, strict=True)]
                    if workers == 2:
                        shares.append(max(each) / sum(each))
    one, two = map(statistics.median, frame_us.values())
    share = statistics.median(shares)
    print(f"1 worker, {sockets} sockets: {one:.1f} us a frame; 2 workers, {2 * sockets} sockets: {two:.1f} us")
    # Two cores are full when the busier worker is.
    print(f"the busier worker has {share:.2f} of it; two cores serve {one / two / share:.2f} times as much as one")


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
