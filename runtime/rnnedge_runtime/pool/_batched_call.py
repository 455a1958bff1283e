"""One batched call for several sequences."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from rnnedge_runtime._exclusive import alone
from rnnedge_runtime._graph_runner import GraphRunner
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime._undo import Runner
from rnnedge_runtime.contract import Array
from rnnedge_runtime.faults import Log, Policies
from rnnedge_runtime.pool._state_table import Order, Rows, views_of

_GROUPS_KEPT = 8


class _Round:
    """The note of a round, in which nothing is kept: the pool has what it takes to undo one."""

    frames = 0
    kept = ()


class Group(GraphRunner):
    """Buffers for `size` sequences, which have all run their first calls and hold no frame back.

    The states of the `rows` that were seated last stay in the buffers from call to call, until they `leave`.
    """

    def __init__(self, loaded: LoadedModel, size: int, order: Order, policies: Policies, log: Log) -> None:
        """Made by `Groups`."""
        super().__init__(loaded, size, {}, policies)
        self._log = log
        self._calls = self.contract.warmup
        self._views = tuple(views_of(buffers, self.contract, order, size) for buffers in self._states.sets)
        self.rows = np.empty(0, np.intp)
        # Runs since the last `seat`, or since another provider took over.
        self._ran = 0

    def seat(self, rows: Array, standing: Rows) -> None:
        """Take the states of `rows`, at most `size`; what is left of the buffers gets those of the first."""
        self.rows = rows
        standing.gather(np.concatenate([rows, np.repeat(rows[:1], self.batch - len(rows))]), self._views[self._turn])
        self._states.store(self._turn)
        self._states.settle()
        self._ran = 0

    def before_run(self) -> tuple[int, int, Runner]:
        """What `undo_run` needs."""
        return self._turn, self._ran, self._runner

    def undo_run(self, turn: int, ran: int, runner: Runner) -> None:
        """Stand where `before_run` gave these numbers, at most one run ago."""
        self._adopt(self._runner)
        # One that has taken over since has run nothing before.
        self._turn, self._ran = turn, ran if runner is self._runner else 0
        self._states.rewind(self._ran)

    def _note(self) -> object:
        return _Round()

    def _note_of_none(self) -> None:
        return None

    def _put_back(self, note: object) -> None:
        """See `undo_run`."""

    def leave(self, standing: Rows) -> None:
        """Give the states back."""
        self._states.fetch(self._turn)
        standing.scatter(self.rows, self._views[self._turn])

    def show(self, row: int, standing: Rows) -> None:
        """Let the states of one row also stand there, if it is one of those that are seated."""
        at = np.flatnonzero(self.rows == row)
        if len(at):
            self._states.fetch(self._turn)
            standing.scatter(self.rows[at], {name: view[at] for name, view in self._views[self._turn].items()})

    @alone
    def run(self, arrays: dict[str, Array], fed: int) -> dict[str, Array]:
        """One call over frames (len(rows), time, ...) by input name; outputs (len(rows), ...) by name, copies.

        `fed`: how many frames the youngest sequence had before; it is what messages name.
        """
        count = len(self.rows)
        binding = self._bindings.of(next(iter(arrays.values())).shape[1])
        for name, array in arrays.items():
            view = self._batched(binding.views[name])
            view[:count] = array
            if count < self.batch:
                # What another round left there might be refused, as the number of a row that no table has.
                view[count:] = 0
        runner = self._runner
        binding = self._call_binding(binding, fed, None)
        self._ran = self._ran + 1 if runner is self._runner else 1
        return {out.port.name: self._batched(out.view)[:count].copy() for out in binding.outs}

    def _batched(self, view: Array) -> Array:
        """Views of a binding have no batch axis for one sequence."""
        return view if self.batch > 1 else view[None]


class Groups:
    """The groups of a pool by size, made as needed, the latest ones kept."""

    def __init__(self, loaded: LoadedModel, order: Order, policies: Policies, log: Log) -> None:
        """None yet."""
        self._loaded, self._order, self._policies, self._log = loaded, order, policies, log
        self._kept: OrderedDict[int, Group] = OrderedDict()

    def of(self, count: int) -> Group:
        """The group for `count` sequences: of that size up to 8, beyond at most a quarter larger.

        So that a pool whose members come and go makes few groups, and wastes little of each call.
        """
        step = max(1, (1 << (count - 1).bit_length()) // 8)
        size = -(-count // step) * step
        group = self._kept.pop(size, None) or Group(self._loaded, size, self._order, self._policies, self._log)
        if len(self._kept) >= _GROUPS_KEPT:
            self._kept.popitem(last=False)
        self._kept[size] = group
        return group
