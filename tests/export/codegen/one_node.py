"""Nodes by themselves: many of them compiled into one library, run, and compared with onnxruntime."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from rnnedge_export.codegen import render
from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._program_lowering import lower_program
from rnnedge_runtime.contract import Contract, Port
from rnnedge_runtime.engines.onnx_runtime import onnxruntime

Array = np.ndarray[Any, np.dtype[Any]]
# The order of float operations is kept, as in every build of the engine.
FLAGS = "-std=gnu99 -fno-math-errno -fno-trapping-math -fno-signed-zeros -fPIC -shared".split()
FLAGS += "-Wall -Wextra -Wpedantic -Werror -Wno-psabi -Wno-unused-const-variable".split()
OPTIMIZED = os.environ.get("RNNEDGE_NATIVE_FLAGS", "-O1").split()
# Cases that every test draws; `make test-long` draws 64.
COUNT = int(os.environ.get("RNNEDGE_NATIVE_CASES", "16"))
_EDGE = 64


@dataclass(frozen=True, eq=False)
class Case:
    """One node and the numbers that it gets; inputs in `fixed` are constants of the graph, None is left out."""

    op: str
    inputs: Sequence[Array | None]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    fixed: frozenset[int] | set[int] = frozenset()
    outputs: int = 1
    opset: int = 20
    domain: str = ""

    def __str__(self) -> str:
        given = [
            "none" if x is None else f"{x.dtype}{list(x.shape)}" + (f"={x.tolist()}" if k in self.fixed else "")
            for k, x in enumerate(self.inputs)
        ]
        return f"{self.op}({', '.join(given)}) {dict(self.attributes)} opset {self.opset}"

    @property
    def given(self) -> dict[str, Array]:
        """What is computed while it runs, by name."""
        return {f"x{k}": x for k, x in enumerate(self.inputs) if x is not None and k not in self.fixed}

    @cached_property
    def model(self) -> onnx.ModelProto:
        """The node as a graph."""
        names = ["" if x is None else f"x{k}" for k, x in enumerate(self.inputs)]
        outputs = [f"y{k}" for k in range(self.outputs)]
        node = helper.make_node(self.op, names, outputs, name="node", domain=self.domain, **self.attributes)
        ports = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for name, x in self.given.items()
        ]
        constants = [
            numpy_helper.from_array(x, f"x{k}") for k, x in enumerate(self.inputs) if x is not None and k in self.fixed
        ]
        ends = [helper.make_empty_tensor_value_info(name) for name in outputs]
        graph = helper.make_graph([node], "one", ports, ends, constants)
        opsets = [helper.make_opsetid("", self.opset)]
        opsets += [helper.make_opsetid(self.domain, 1)] if self.domain else []
        return helper.make_model(graph, opset_imports=opsets, ir_version=11)

    def expected(self) -> list[Array]:
        """What onnxruntime makes of it."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(self.model.SerializeToString(), options)
        return list(session.run(None, {name: np.asarray(x) for name, x in self.given.items()}))


UNLABELLED = Contract((), (), (), "step", 20, chunk=1)


def contract_of(inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> Contract:
    """Ports of just these types and shapes, and no states."""
    ports = [
        tuple(Port(name, str(x.dtype), x.shape, 0, None) for name, x in side.items()) for side in (inputs, outputs)
    ]
    return Contract(ports[0], ports[1], (), "step", 20, chunk=1)


def compiled(case: Case, expected: Sequence[Array], weights: Weights, lanes: int = 8) -> StepProgram:
    """The program of a node."""
    contract = contract_of(case.given, {f"y{k}": y for k, y in enumerate(expected)})
    return lower_program(case.model, contract, 1, lanes, weights)


def library(
    parts: Mapping[str, StepProgram], weights: Weights, lanes: int, extra: str = "", flags: Sequence[str] = ()
) -> ctypes.CDLL:
    """All programs, and C text of a test's own, built together; the folder is gone when the library is loaded."""
    text = [f"#define LANES {lanes}\n#define VECTORS 2\n#include <stdint.h>\n#include <stddef.h>"]
    text += [render.kernels(weights.all_bytes().size > 0, weights.sparse), render.constants(weights, False)]
    shared = render.shared_products(parts.values())
    text += [render.definitions(shared)]
    for name, one in parts.items():
        text += [render.header(name, [one], "", 0, UNLABELLED), render.functions(name, one, False, shared=shared)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.c"
        path.write_text("\n".join([*text, extra]))
        command = ["cc", *OPTIMIZED, *FLAGS, *flags, "-o", str(path.with_suffix(".so")), str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[:4000]
        return ctypes.CDLL(str(path.with_suffix(".so")))


def run(built: ctypes.CDLL, name: str, one: StepProgram, inputs: Mapping[str, Array]) -> list[Array]:
    """One step of a program; nothing around its outputs may be written, nothing around its inputs be used."""
    size = getattr(built, f"{name}_bytes")
    size.restype = ctypes.c_size_t
    stream = aligned(size())
    getattr(built, f"{name}_init")(ctypes.c_void_p(stream.ctypes.data))
    before = [_framed(np.ascontiguousarray(inputs[port.name])) for port in one.inputs]
    after = [_framed(np.zeros(port.shape, port.dtype)) for port in one.outputs]
    pointers = [ctypes.c_void_p(memory.ctypes.data + _EDGE) for memory in (*before, *after)]
    getattr(built, f"{name}_step")(ctypes.c_void_p(stream.ctypes.data), *pointers)
    for memory in after:
        assert (memory[:_EDGE] == 0xFF).all() and (memory[len(memory) - _EDGE :] == 0xFF).all(), f"{name}: beyond"
    return [
        memory[_EDGE : len(memory) - _EDGE].view(port.dtype).reshape(port.shape)
        for port, memory in zip(one.outputs, after, strict=True)
    ]


def aligned(size: int) -> Array:
    """Bytes at an address of a multiple of 64."""
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size]


def _framed(array: Array) -> Array:
    """Its bytes between others that are NaN."""
    inner = array.reshape(-1).view(np.uint8)
    memory = aligned(inner.size + 2 * _EDGE)
    memory[:] = 0xFF
    memory[_EDGE : _EDGE + inner.size] = inner
    return memory


def check(cases: Sequence[Case], lanes: int = 8, tolerance: float = 1e-5, flags: Sequence[str] = ()) -> None:
    """Every case gives what onnxruntime gives: NaN, infinities, numbers within `tolerance` of the range."""
    weights = Weights()
    expected = [case.expected() for case in cases]
    parts = {f"case{k}": compiled(case, expected[k], weights, lanes) for k, case in enumerate(cases)}
    built = library(parts, weights, lanes, flags=flags)
    failures = []
    for case, (name, one), wanted in zip(cases, parts.items(), expected, strict=True):
        for actual, right in zip(run(built, name, one, case.given), wanted, strict=True):
            reason = difference(actual, right, tolerance)
            if reason:
                failures.append(f"{case}: {reason}")
    assert not failures, f"{len(failures)} of {len(cases)}:\n" + "\n".join(failures[:8])


def difference(actual: Array, expected: Array, tolerance: float = 1e-5) -> str:
    """What is wrong, or nothing."""
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        return f"{actual.dtype}{actual.shape} instead of {expected.dtype}{expected.shape}"
    if not actual.size:
        return ""
    if actual.dtype.kind != "f":
        return "" if np.array_equal(actual, expected) else f"{actual} instead of {expected}"
    finite = np.isfinite(expected)
    if not np.array_equal(actual[~finite], expected[~finite], equal_nan=True):
        return f"{actual[~finite]} instead of {expected[~finite]}"
    apart = np.abs(actual[finite].astype(float) - expected[finite])
    top = float(np.abs(expected[finite]).max(initial=0))
    # One step of the smallest denormal is no error.
    wrong = not (apart <= tolerance * top + 3e-45).all()
    return f"off by {apart.max()} of {top}: {actual.ravel()[:9]} instead of {expected.ravel()[:9]}" if wrong else ""


def numbers(rng: np.random.Generator, shape: Sequence[int], special: bool | None = None) -> Array:
    """float32 numbers of a random scale; sometimes, or where `special` says so, with NaN, infinities and denormals."""
    values = np.asarray(rng.standard_normal(shape)) * rng.choice([1e-3, 1.0, 1.0, 1.0, 30.0])
    if special is None:
        special = rng.random() < 0.25
    if special and values.size:
        places = rng.integers(0, values.size, max(1, values.size // 8))
        values.flat[places] = rng.choice([np.nan, np.inf, -np.inf, 1e-40, -1e-42, 0.0], len(places))
    return np.asarray(values, np.float32)


def shape(rng: np.random.Generator, least: int = 1, most: int = 4, length: int = 7) -> tuple[int, ...]:
    """A random shape of `least` to `most` axes."""
    return tuple(int(n) for n in rng.integers(1, length + 1, rng.integers(least, most + 1)))
