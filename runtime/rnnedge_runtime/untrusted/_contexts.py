"""A value per sequence stays what its caller gave: the graph hands it on as it is.

A stream keeps it over `reset`. A graph that writes something else there carries what it saw of one sequence into the
next one, which may be somebody else's.
"""

from __future__ import annotations

from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import ContractError
from rnnedge_runtime.untrusted.limits import Limits
from rnnedge_runtime.untrusted.policy import read_graph

_OWN_DOMAINS = ("", "ai.onnx")


def check_contexts(contract: Contract, data: bytes, limits: Limits) -> None:
    """Raise `ContractError` naming a context of which the graph of `data`, which was looked through, makes another."""
    if not contract.contexts:
        return
    same = {
        node["output"][0]: node["input"][0]
        for node in read_graph(data, limits).get("node", ())
        if node.get("op_type") == "Identity" and node.get("domain", "") in _OWN_DOMAINS
    }
    for state in contract.contexts:
        name = state.output
        # No node reads what comes after it, so this ends.
        while name in same:
            name = same[name]
        if name != state.input:
            raise ContractError(
                f"contract.{state.input}.context: expected a value that the graph hands on as it is, found another one "
                f"as {state.output[:60]!r}"
            )
