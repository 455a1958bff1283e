"""Files in fewer bits on the native engine: onnxruntime's results, and the memory that they promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from in_one_test import in_one_test
from torch import nn

from rnnedge_export.codegen import write_c
from rnnedge_export.precision import Precision
from rnnedge_runtime import load
from rnnedge_runtime.golden import max_error

INPUTS, HIDDEN = 24, 96


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One layer in every precision."""
    torch.manual_seed(0)
    module, folder = nn.GRU(INPUTS, HIDDEN, batch_first=True).eval(), tmp_path_factory.mktemp("files")
    files = {}
    for name in ("float32", "float16", "bf16", "int8", "int4"):
        path = folder / f"{name}.onnx"
        precision = Precision(name) if name == "float32" else Precision(name, tolerance=0.5)
        quickly.export(module, torch.zeros(1, 8, INPUTS), path, form="step", precision=precision)
        files[name] = path
    return files


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of libraries of its own, in which each is built once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    # A state may round to the neighbouring level where two engines differ by 1e-7.
    [("float32", 1e-5), ("float16", 1e-5), ("bf16", 1e-5), ("int8", 5e-3), ("int4", 2e-2)],
)
def test_a_narrow_file_computes_what_onnxruntime_computes(
    precision: str, tolerance: float, files: dict[str, Path]
) -> None:
    """Chained frames; those of 16 bits have no levels where they could part."""
    x = np.random.default_rng(0).standard_normal((300, INPUTS)).astype(np.float32)
    right = load(files[precision]).stream().push(x)
    found = load(files[precision], provider="native").stream().push(x)
    assert max_error(found, right) <= tolerance
    whole = load(files["float32"]).stream().push(x)
    assert precision == "float32" or max_error(found, whole) > 1e-4


@pytest.mark.parametrize(("precision", "share"), [("bf16", 0.55), ("int8", 0.33), ("int4", 0.3)])
def test_narrow_weights_stay_narrow_in_memory(precision: str, share: float, files: dict[str, Path]) -> None:
    """Not only in the file: fewer bytes for each step to read, biases and scales counted."""
    sizes = {
        name: write_c(files[name].read_bytes(), "net", lanes=8, compact=True).weight_bytes
        for name in ("float32", precision)
    }
    assert sizes[precision] < share * sizes["float32"]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Layers whose weights for the input are kept as whole numbers, or in blocks."""
    torch.manual_seed(0)
    module, folder = nn.GRU(INPUTS, 256, batch_first=True).eval(), tmp_path_factory.mktemp("wide")
    for name in ("int8", "int4"):
        precision = Precision(name, tolerance=0.5)
        quickly.export(module, torch.zeros(1, 8, INPUTS), folder / f"{name}.onnx", form="step", precision=precision)
    return {name: folder / f"{name}.onnx" for name in ("int8", "int4")}


@in_one_test("most", [1e20, 1e30, 1e37, float(np.finfo(np.float32).max)])
@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_the_largest_numbers_saturate_on_both_engines(precision: str, most: float, wide: dict[str, Path]) -> None:
    """A gate that one huge number of a frame decides is the same; none is NaN, and ordinary frames go on as ever."""
    x = np.random.default_rng(0).standard_normal((40, INPUTS)).astype(np.float32)
    x[5] = np.sign(x[5]) * np.geomspace(most / 2**23, most, INPUTS).astype(np.float32)
    found = load(wide[precision], provider="native").stream().push(x)
    right = load(wide[precision]).stream().push(x)
    assert np.isfinite(found).all() and np.isfinite(right).all()
    # onnxruntime rounds what it takes away from a block, so that weights of 0 times a huge number are not quite 0.
    apart = np.abs(found[5] - right[5])
    assert (apart < 0.05).mean() > 0.95 if precision == "int4" else apart.max() < 1e-5
    tolerance = 2e-2 if precision == "int4" else 5e-3
    np.testing.assert_allclose(found[:5], right[:5], rtol=0, atol=tolerance)
    np.testing.assert_allclose(found[-1], right[-1], rtol=0, atol=tolerance)
