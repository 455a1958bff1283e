"""The limit: one step of an LSTM or GRU layer written by hand in C (`limit/`), its best blocking found by measuring."""

from __future__ import annotations

import ctypes
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from time import perf_counter_ns

import numpy as np

from bench.native.memory import aligned
from bench.peers.problem import Problem
from rnnedge_runtime.contract import Array

SOURCE = Path(__file__).parent / "roofline" / "limit.c"
FLAGS = (
    "-std=gnu11",
    "-O3",
    "-march=native",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
    "-fno-semantic-interposition",
)
_L1_BYTES, _L2_BYTES = 32 << 10, 256 << 10


@dataclass(frozen=True)
class Blocking:
    """The constants of `limit.c` beside the sizes of the layer."""

    units: int
    sums: int
    ahead: int
    sweeps: int

    def __str__(self) -> str:
        """As it stands in a table."""
        return f"{self.units} vectors, {self.sums} sums, {self.ahead} ahead, {self.sweeps} sweeps"


def blockings(problem: Problem, lanes: int) -> Iterator[Blocking]:
    """What may be the best for a layer: weights beyond the caches gain from prefetching and from sweeps in turns."""
    case = problem.case
    vectors = case.hidden_size // lanes
    nbytes = sum(w.nbytes for w in problem.weights.values())
    aheads = (0,) if nbytes < _L1_BYTES else (0, 512, 2048)
    sweeps = (1,) if nbytes < _L2_BYTES else (1, 2)
    for units, sums, ahead, turns in product((1, 2, 4), (1, 2), aheads, sweeps):
        if vectors % units == 0 and 4 <= 4 * units * sums <= 16:
            yield Blocking(units, sums, ahead, turns)


def save(blocking: Blocking, path: Path) -> None:
    """Write a blocking for another process."""
    path.write_text(json.dumps(asdict(blocking)))


def saved(path: Path) -> Blocking:
    """Read what `save` wrote."""
    return Blocking(**json.loads(path.read_text()))


class Limit:
    """A compiled layer with its state; `step` reads `x` (features,) and writes `y` (hidden,), both float32."""

    def __init__(self, problem: Problem, blocking: Blocking, folder: Path) -> None:
        """Compile, and pack the weights in the order in which they are read."""
        case = problem.case
        constants = {"INPUT": case.input_size, "HIDDEN": case.hidden_size, **asdict(blocking)}
        defines = [f"-D{name.upper()}={value}" for name, value in constants.items()]
        name = f"{case.cell}-" + "-".join(map(str, constants.values()))
        path = folder / f"limit-{name}.so"
        if not path.exists():
            kind = ["-DGRU"] if case.cell == "GRU" else []
            subprocess.run(["cc", *FLAGS, *defines, *kind, "-shared", "-fPIC", "-o", path, SOURCE], check=True)
        library = ctypes.PyDLL(str(path))
        library.limit_size.restype = ctypes.c_ulong
        self.lanes: int = library.limit_lanes()
        weights, bias = packed(problem, blocking.units * self.lanes)
        self._state = aligned(np.zeros(library.limit_size(), np.uint8))
        self._weights, self._bias = aligned(weights), aligned(bias)
        self.x, self.y = aligned(np.zeros(case.input_size, np.float32)), aligned(np.zeros(case.hidden_size, np.float32))
        own, w, b, x, y = (
            ctypes.c_void_p(a.ctypes.data) for a in (self._state, self._weights, self._bias, self.x, self.y)
        )
        library.limit_init(own, w, b, x, y)
        step = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(ctypes.cast(library.limit_step, ctypes.c_void_p).value)
        self.call = (step, own)
        self.step: Callable[[], object] = lambda: step(own)
        self.steps: Callable[[int], object] = lambda count: library.limit_steps(own, ctypes.c_long(count))
        self.reset: Callable[[], object] = lambda: library.limit_init(own, w, b, x, y)


def packed(problem: Problem, units: int) -> tuple[Array, Array]:
    """Weights (blocks, rows, gates, units) and biases (blocks, 4, units) of torch's layer, for blocks of `units` units.

    The fourth bias of a GRU is that of the state's part of the new value.
    """
    w, hidden = problem.weights, problem.case.hidden_size
    blocks = hidden // units
    gates = len(w["bias_ih_l0"]) // hidden
    rows = np.concatenate([w["weight_ih_l0"], w["weight_hh_l0"]], axis=1).T
    weights = rows.reshape(-1, gates, blocks, units).transpose(2, 0, 1, 3)
    of_input, of_state = (w[name].reshape(gates, hidden) for name in ("bias_ih_l0", "bias_hh_l0"))
    bias = of_input + of_state if gates == 4 else np.stack([*(of_input + of_state)[:2], of_input[2], of_state[2]])
    return np.ascontiguousarray(weights), np.ascontiguousarray(bias.reshape(4, blocks, units).swapaxes(0, 1))


def check(limit: Limit, problem: Problem) -> float:
    """Largest error over the frames of the problem."""
    limit.reset()
    worst = 0.0
    for frame, expected in zip(problem.frames, problem.expected, strict=True):
        limit.x[...] = frame
        limit.step()
        worst = max(worst, float(np.abs(limit.y - expected).max()))
    return worst


def best(problem: Problem, folder: Path, rounds: int = 15) -> tuple[Limit, Blocking, dict[Blocking, float]]:
    """The fastest blocking called from C, and microseconds a step of all, medians of blocks in turns."""
    lanes = Limit(problem, Blocking(1, 1, 0, 1), folder).lanes
    found = {one: Limit(problem, one, folder) for one in blockings(problem, lanes)}
    times: dict[Blocking, list[float]] = {one: [] for one in found}
    first = next(iter(found.values()))
    first.steps(10)
    begun = perf_counter_ns()
    first.steps(20)
    count = max(4, int(400_000 / max(1.0, (perf_counter_ns() - begun) / 20)))
    for _ in range(rounds):
        for one, limit in found.items():
            limit.steps(max(2, count // 10))
            begun = perf_counter_ns()
            limit.steps(count)
            times[one].append((perf_counter_ns() - begun) / count / 1000)
    medians = {one: float(np.median(values)) for one, values in times.items()}
    fastest = min(medians, key=lambda one: medians[one])
    return found[fastest], fastest, medians
