"""A hundred thousand streams on paper: where the socket, the pool and the store of snapshots are full, and the price.

Usage: python -m bench.scale [COSTS.json]   (else it measures, for two minutes; writes the page of figures)
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.pages import machine, publish, table
from bench.serve_costs import Costs, measure
from rnnedge_runtime.contract import Array

STREAMS, CORES, RATE_HZ, TICK_S, MOST_LOAD = 100_000, 64, 20.0, 0.005, 0.7
# Published prices on demand, Linux, us-east-1, June 2026: m7g.large, two cores for $0.0816 an hour; g5.xlarge, an A10G.
CORE_HOUR, GPU_HOUR = 0.0816 / 2, 1.006
# Frames of a gateway come together.
SOURCES_OF_A_GATEWAY = 1000


@dataclass(frozen=True)
class Worker:
    """One process on one core: what a round takes, of `round_us` and `frame_us` for each of its frames."""

    name: str
    round_us: float
    frame_us: float
    together: int = 1

    def waits_s(self, streams: int, seconds: float = 10.0, seed: int = 0) -> Array:
        """How long each frame waits for its answer; float64 (frames,).

        Streams begin at any time, and each frame comes up to a tenth of a period late. A round begins a tick after the
        first frame that waits, and takes all that wait.
        """
        random = np.random.default_rng(seed)
        groups = math.ceil(streams / self.together)
        begins = random.random(groups)[:, None] + np.arange(int(seconds * RATE_HZ))
        comes = np.sort(((begins + 0.1 * random.random(begins.shape)) / RATE_HZ).reshape(-1))
        waits, at, free = np.empty(len(comes)), 0, 0.0
        while at < len(comes):
            begin = max(free, comes[at]) + TICK_S
            end = int(np.searchsorted(comes, begin, "right"))
            free = begin + (self.round_us + self.frame_us * self.together * (end - at)) / 1e6
            waits[at:end] = free - comes[at:end]
            at = end
        return waits

    def most(self, p99_s: float = 1 / RATE_HZ) -> int:
        """Streams of a core, with 99 of 100 answers within `p99_s`."""
        return _largest(lambda n: bool(np.percentile(self.waits_s(n), 99) < p99_s), self.together)


def _largest(fits: Callable[[int], bool], step: int) -> int:
    low, high = 0, step
    while fits(high):
        low, high = high, 2 * high
    while high - low > max(step, low // 100):
        middle = (low + high) // 2 // step * step
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def workers(costs: Costs) -> list[Worker]:
    """A socket for each stream; gateways of a thousand; and no sockets at all."""
    gateway_us = max(costs.gateway_us - costs.round_us / SOURCES_OF_A_GATEWAY, costs.pool_us)
    return [
        Worker("a socket for each stream", costs.round_us, costs.frame_us),
        Worker("gateways of 1,000 streams", costs.round_us, gateway_us, SOURCES_OF_A_GATEWAY),
        Worker("the pool alone", 0.0, costs.pool_us, SOURCES_OF_A_GATEWAY),
    ]


def nodes_for(streams_of_a_node: float) -> int:
    """Two at least: one may be lost."""
    return max(math.ceil(STREAMS / streams_of_a_node), 2)


def capacity(costs: Costs) -> str:
    """A table: what a core and a node take, and what that costs."""
    rows = []
    for worker in workers(costs):
        core = worker.most()
        planned = core * MOST_LOAD
        node = planned * CORES
        price = CORE_HOUR * 1e6 / planned
        rows.append(
            (
                worker.name, f"{core:,}", f"{np.percentile(worker.waits_s(int(planned)), 99) * 1e3:.0f}",
                f"{node:,.0f}", f"{nodes_for(node)}", f"{costs.wire_bytes * 8 * RATE_HZ * node / 1e9:.1f}",
                f"{node * costs.stream_bytes / 2**30:.1f}", f"{price:,.0f}", f"{1e6 * GPU_HOUR / price:,.0f}",
            )
        )  # fmt: skip
    heads = (
        "streams come by", "a core at most", "p99 at 70 %, ms", f"a node of {CORES} cores at 70 %",
        f"nodes for {STREAMS:,}", "network of a node, Gbit/s", "memory of its streams, GiB",
        "$ a million stream-hours", "streams of one GPU at that price",
    )  # fmt: skip
    return table(heads, rows)


def snapshots(costs: Costs) -> str:
    """A table: a drain, a restart, a node that is lost, and snapshots every second."""
    rows = []
    for worker in workers(costs)[:2]:
        core = worker.most() * MOST_LOAD
        node = core * CORES
        moved = node / (nodes_for(node) - 1) / CORES
        opened = costs.restore_us + (costs.open_us if worker.together == 1 else costs.open_us / SOURCES_OF_A_GATEWAY)
        every = core * costs.keep_us / 1e6
        stored = "" if costs.store_us is None else f"{node * costs.store_us / 1e6:.1f}"
        full = "" if costs.store_us is None else f"{1e6 / costs.store_us:,.0f}"
        rows.append(
            (
                worker.name, f"{core * (costs.keep_us + costs.write_us) / 1e6:.2f}",
                f"{node * costs.snapshot_bytes / 2**20:,.0f}", f"{core * costs.restore_us / 1e6:.2f}",
                f"{moved * opened / 1e6:.2f}", f"{every * 100:.0f}", stored, full,
            )
        )  # fmt: skip
    heads = (
        "streams come by", "drain, s of each core", "state of a node, MiB", "restart, s of each core",
        "a node is lost: s of each core of the others", "snapshots every second: % of a core",
        "Redis: s of its core for a node", "Redis is full at, streams a second",
    )  # fmt: skip
    return table(heads, rows)


def main(given: str = "") -> None:
    """Measure, or read what was measured, and write the page."""
    found = json.loads(Path(given).read_text()) if given else {}
    costs = Costs(**found) if found else measure()
    inputs = table(
        ("measured", "µs, or bytes"),
        [(n.replace("_", " "), f"{v:,.1f}") for n, v in vars(costs).items() if v is not None],
    )
    host = machine("processor", "cores", "python", "onnxruntime")
    note = f"LSTM(40, 64), {RATE_HZ:.0f} frames a second: {host}, load {os.getloadavg()[0]:.0f} meanwhile."
    publish("scale.md", capacity(costs), snapshots(costs), inputs, note)


if __name__ == "__main__":
    main(*sys.argv[1:])
