"""Tables that torch builds anew for every capture, most of a second each, though nothing in them changes meanwhile.

The translations of its operators to ONNX, and the operators that torch.export may decompose by itself.
"""

from __future__ import annotations

import copy
from functools import cache

import pytest
import torch
from torch._export import utils
from torch.onnx._internal.exporter._registration import ONNXRegistry

_build_registry = ONNXRegistry.from_torchlib
_load_operators = utils._materialize_cpp_cia_ops


def build_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a capture takes the tables of an earlier one."""
    monkeypatch.setattr(ONNXRegistry, "from_torchlib", staticmethod(_registry))
    monkeypatch.setattr(utils, "_materialize_cpp_cia_ops", _operators)


def build_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on every capture builds its own, as torch does."""
    monkeypatch.setattr(ONNXRegistry, "from_torchlib", staticmethod(_build_registry))
    monkeypatch.setattr(utils, "_materialize_cpp_cia_ops", _load_operators)


_built = cache(_build_registry)
_loaded = cache(lambda _: _load_operators())


def _registry(opset_version: int) -> ONNXRegistry:
    """A copy, because a capture adds translations of its own."""
    registry = copy.copy(_built(opset_version))
    registry.functions = {target: list(found) for target, found in registry.functions.items()}
    return registry


def _operators() -> None:
    """Loaded again where one was registered since; a capture asks fifty times."""
    _loaded((frozenset(torch.library._defs), frozenset(torch.library._impls)))
