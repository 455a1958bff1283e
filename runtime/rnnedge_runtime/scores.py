"""What the values of labels are: probabilities, or what makes such of them, as the file says.

The provenance of a file that was trained says `scores`: "softmax" or "sigmoid" for values that are logits. Others say
nothing, and their values are left as they are.
"""

from __future__ import annotations

import numpy as np

from rnnedge_runtime.arrays import array_of
from rnnedge_runtime.contract import Array, Contract, Port
from rnnedge_runtime.errors import InputError

SCORES = ("raw", "softmax", "sigmoid")


def scores_of(contract: Contract) -> str:
    """One of `SCORES`: what makes probabilities of the values of this file."""
    said = contract.provenance.get("scores", "raw")
    return said if said in SCORES else "raw"


def scores_of_port(contract: Contract, port: Port) -> str:
    """The same of one output: "raw" where its frames are no row of a value for each label."""
    return scores_of(contract) if port.frame_shape == (len(contract.labels),) else "raw"


class Scores:
    """What the values of each output of a file are as scores; `logits` leaves all as the network gives them."""

    def __init__(self, contract: Contract, logits: bool = False) -> None:
        self._said = {port.name: "raw" if logits else scores_of_port(contract, port) for port in contract.outputs}

    def of(self, name: str, values: Array) -> Array:
        """Values (..., labels) of the output `name` as probabilities, float64, where the file says how; else as is."""
        said = self._said[name]
        return values if said == "raw" else probabilities(values, said)


def labelled(values: Array, contract: Contract) -> Array:
    """Values (..., labels), or `InputError` where they are no row of a value for each label of the file."""
    array, labels = array_of(values, "values"), contract.labels
    if not labels:
        raise InputError("probabilities: expected a file with labels, found none in it; export it with labels=")
    if array.ndim == 0 or array.shape[-1] != len(labels) or array.dtype.kind not in "fiu":
        raise InputError(
            f"probabilities: expected (..., {len(labels)}) numbers, one for each label, found {array.shape} "
            f"{array.dtype}; give the array of the output that has the labels"
        )
    return array


def probabilities(values: Array, scores: str) -> Array:
    """float64 (..., labels) of such values; as they are for "raw"."""
    x = values.astype(np.float64)
    if scores == "softmax":
        e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
        return np.asarray(e / e.sum(axis=-1, keepdims=True))
    if scores == "sigmoid":
        return np.asarray(np.exp(-np.logaddexp(0, -x)))
    return x
