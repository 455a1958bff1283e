"""The contract of an engine that makes several steps in one call, whatever the file takes in one."""

from __future__ import annotations

from dataclasses import replace

from rnnedge_runtime.contract import TIME, Contract, Port


def opened(contract: Contract) -> Contract:
    """`contract` for calls of any multiple of its `chunk`: every per-frame port has a time axis of open length.

    A port of the step form has none; its time axis comes in front. The same contract where calls are open already.
    """
    if contract.chunk is None or not all(
        _can_open(port, contract.unit) for port in (*contract.inputs, *contract.outputs)
    ):
        return contract
    inputs, outputs = (tuple(map(_open, ports)) for ports in (contract.inputs, contract.outputs))
    return replace(contract, inputs=inputs, outputs=outputs, chunk=None, hop=contract.unit)


def _can_open(port: Port, unit: int) -> bool:
    # Without a time axis there is one frame of it in every call.
    return not port.per_frame or port.time_axis is not None or port.clock.frames(unit) == 1


def _open(port: Port) -> Port:
    if not port.per_frame:
        return port
    if port.time_axis is None:
        return replace(port, shape=(TIME, *port.shape), batch_axis=port.batch_axis + 1, time_axis=0)
    shape = tuple(TIME if axis == port.time_axis else dim for axis, dim in enumerate(port.shape))
    return replace(port, shape=shape)
