"""Whether the graph of a file is the one that its contract describes."""

from __future__ import annotations

from collections.abc import Iterable

from rnnedge_runtime.contract import TIME, Contract, Dim
from rnnedge_runtime.engine import TensorInfo
from rnnedge_runtime.errors import ContractError


def check_against_graph(
    contract: Contract, inputs: Iterable[TensorInfo], outputs: Iterable[TensorInfo], name: str
) -> None:
    """Compare every promised input, output and state with the graph's own signature.

    Raises `ContractError` naming the first value that differs, what was promised and what the graph has.
    """
    promised_in = [(p.name, p.dtype, p.shape) for p in contract.inputs]
    promised_in += [(s.input, s.dtype, s.shape) for s in contract.states]
    for cursor in contract.cursors:
        frames: Dim = TIME if contract.chunk is None else cursor.clock.frames(contract.chunk)
        promised_in.append((cursor.name, *(("int64", ()) if cursor.kind == "last" else ("bool", (frames,)))))
    promised_out = [(p.name, p.dtype, p.shape) for p in contract.outputs]
    promised_out += [(s.output, s.dtype, s.shape) for s in contract.states]
    _compare("input", promised_in, inputs, name)
    _compare("output", promised_out, outputs, name)


def _compare(
    side: str, promised: list[tuple[str, str, tuple[Dim, ...]]], infos: Iterable[TensorInfo], name: str
) -> None:
    found = {info.name: info for info in infos}
    extra = set(found) - {p[0] for p in promised}
    if extra:
        raise ContractError(f"{name}: graph {side} {sorted(extra)[0]!r} is not in the contract; export the model again")
    for key, dtype, shape in promised:
        info = found.get(key)
        if info is None:
            raise ContractError(f"{name}: the contract names {side} {key!r}, the graph has {sorted(found)}")
        fits = len(info.shape) == len(shape) and all(
            not isinstance(here, int) or here == there for here, there in zip(info.shape, shape, strict=True)
        )
        if info.dtype != dtype or not fits:
            raise ContractError(
                f"{name}: {side} {key!r}: the contract promises {dtype}{list(shape)}, "
                f"the graph has {info.dtype}{list(info.shape)}; export the model again"
            )
