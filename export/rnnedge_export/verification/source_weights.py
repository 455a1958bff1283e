"""Weights of recurrences stand in a float32 file as the source has them, to the last bit.

A weight that is off by a millionth changes outputs by less than rounding does, so no comparison of outputs sees it; it
is a weight of another training, or one that went through fewer bits. Layers of torch.nn only: what a form writes of
them are their numbers in another order, and sums of two biases. A layer whose weights are computed is not looked at,
nor is a weight that no output reads, such as of a layer for training only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from rnnedge_export.reference import Reference
from rnnedge_export.verification.report import Check
from rnnedge_runtime.contract import Array

_FLOAT = onnx.TensorProto.FLOAT


def check_weights(
    float32: bytes, module: nn.Module, ran: set[str], reference: Reference, frames: Mapping[str, Array]
) -> Check:
    """Of a float32 file; `ran`: the paths of the layers that compute something for `frames`.

    `reference`: of the module. A weight that the file has not is changed for a while, to see whether anything reads it.
    """
    numbers = np.concatenate([np.zeros(1, np.float32), *(array.reshape(-1) for array in _constants(float32))])
    numbers.sort()
    count, wrong = 0, ""
    for name, parts in _weights(module, ran):
        count += 1
        # A number of its own, or, of biases, its sum with the other one.
        lost = ~np.logical_or.reduce([_among(part, numbers) for part in parts])
        if lost.any() and not wrong and _matters(module.get_parameter(name), lost, reference, frames):
            wrong = f"weight {name!r}: {float(parts[0][lost].flat[0]):.9g} is no number of the file"
    return Check(
        "weights", f"{count} of recurrences, as the source has them", np.inf if wrong else 0.0, 0.0, place=wrong
    )


def _matters(weight: nn.Parameter, places: Array, reference: Reference, frames: Mapping[str, Array]) -> bool:
    """Whether an output is another one with other numbers at some places of a weight."""
    before, own = reference.raw(frames), weight.detach().clone()
    try:
        weight.data[torch.from_numpy(places)] += 1
        after = reference.raw(frames)
    finally:
        weight.data.copy_(own)
    return any(not np.array_equal(before[name], after[name], equal_nan=True) for name in before)


def _weights(module: nn.Module, ran: set[str]) -> Iterator[tuple[str, list[Array]]]:
    for path, part in module.named_modules():
        if path not in ran or not isinstance(part, nn.RNNBase) or part.proj_size or is_parametrized(part):
            continue
        own = dict(part.named_parameters(recurse=False))
        for name in part._flat_weights_names:
            if name not in own:
                continue
            array: Array = own[name].detach().numpy()
            other = own.get(name.replace("_ih_", "_hh_") if "_ih_" in name else name.replace("_hh_", "_ih_"))
            sums = [array + other.detach().numpy()] if name.startswith("bias") and other is not None else []
            yield f"{path}.{name}", [array, *sums]


def _among(wanted: Array, numbers: Array) -> Array:
    """Which of `wanted` are in the sorted `numbers`: usually all, which is quick to see of sorted ones."""
    if not _lost(np.sort(wanted, axis=None), numbers).any():
        return np.ones(wanted.shape, np.bool_)
    return ~_lost(wanted, numbers)


def _lost(wanted: Array, numbers: Array) -> Array:
    places = np.searchsorted(numbers, wanted).clip(max=len(numbers) - 1)
    lost: Array = numbers[places] != wanted
    return lost


def _constants(data: bytes) -> Iterator[Array]:
    def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    yield from graphs(attribute.g)

    for graph in graphs(onnx.load_from_string(data).graph):
        yield from (numpy_helper.to_array(one) for one in graph.initializer if one.data_type == _FLOAT)
        for node in graph.node:
            for attribute in node.attribute if node.op_type == "Constant" else ():
                if attribute.t.data_type == _FLOAT:
                    yield numpy_helper.to_array(attribute.t)
