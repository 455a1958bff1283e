"""Convolutions and transposed ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from one_node import COUNT, Case, check
from refusals import refused


def _case(rng: np.random.Generator, k: int, op: str) -> Case:
    rank = 1 + k % 2
    group = int(rng.choice([1, 1, 2, 4]))
    deep, wide = int(rng.integers(1, 5)) * group, int(rng.integers(1, 6)) * group
    if k % 7 == 0:
        group = wide = deep
    kernel = [int(n) for n in rng.integers(1, 5, rank)]
    given: dict[str, Any] = {
        "strides": rng.integers(1, 4, rank).tolist(),
        "dilations": rng.integers(1, 3, rank).tolist(),
    }
    given |= {"group": group, "kernel_shape": kernel}
    values = rng.standard_normal((int(rng.integers(1, 4)), deep, *rng.integers(9, 14, rank))).astype(np.float32)
    if op == "Conv":
        weights = rng.standard_normal((wide, deep // group, *kernel)).astype(np.float32)
        given["pads"] = rng.integers(0, 3, 2 * rank).tolist()
    else:
        weights = rng.standard_normal((deep, wide // group, *kernel)).astype(np.float32)
        reach = [d * (n - 1) for d, n in zip(given["dilations"], kernel, strict=True)]
        given["pads"] = [int(rng.integers(0, r + 1)) for r in (*reach, *reach)]
        given["output_padding"] = [int(rng.integers(0, s)) for s in given["strides"]]
    bias = rng.standard_normal(wide).astype(np.float32)
    return Case(op, [values, weights, bias] if k % 3 else [values, weights], given, fixed={1, 2} if k % 3 else {1})


def test_convolutions() -> None:
    """One axis and two, with groups, strides, dilations and pads; every channel by itself."""
    rng = np.random.default_rng(1)
    check([_case(rng, k, "Conv") for k in range(2 * COUNT)])


def test_transposed_convolutions() -> None:
    """The same, with what is cut off and added at the ends."""
    rng = np.random.default_rng(2)
    check([_case(rng, k, "ConvTranspose") for k in range(COUNT)])


def test_what_a_convolution_does_not_do_is_refused() -> None:
    """Padding by rules, and weights that are computed."""
    values, weights = np.ones((1, 2, 9), np.float32), np.ones((3, 2, 3), np.float32)
    refused(Case("Conv", [values, weights], {"auto_pad": "SAME_UPPER"}, fixed={1}), "auto_pad = 'SAME_UPPER'")
    refused(Case("Conv", [values, weights]), "weights 'x1' is computed")
