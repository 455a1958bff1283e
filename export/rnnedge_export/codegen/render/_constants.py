"""Constants of all programs of a file."""

from __future__ import annotations

import numpy as np

from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen.render._expressions import number
from rnnedge_export.codegen.render._text import listed


def constants(weights: Weights, blob: bool) -> str:
    """Their definitions; with `blob` floats and bytes are what `init` gets."""
    floats, narrow, integers = weights.all_floats(), weights.all_bytes(), weights.all_integers()
    text = "" if blob else _floats(floats.view(np.uint32))
    if narrow.size:
        text += f"#define PACKED ((const int8_t *)(WEIGHTS + {floats.size}))\n" if blob else _bytes(narrow.view("<u8"))
    if integers.size:
        values = listed([number(int(value)) for value in integers])
        text += f"static const int64_t INTEGERS[{integers.size}] = {{{values}}};\n"
    for k, table in enumerate(weights.tables):
        text += f"static const int32_t PLACES_{k}[{table.size}] = {{{listed(table.tolist())}}};\n"
    return text


def _floats(bits: np.ndarray[tuple[int, ...], np.dtype[np.uint32]]) -> str:
    values = listed([*map(hex, bits.tolist())])
    return (
        "/* float32 numbers by their bits. */\n"
        f"static const union {{ uint32_t bits[{bits.size}]; float numbers[{bits.size}]; }} CONSTANTS "
        f"__attribute__((aligned(64))) = {{{{{values}}}}};\n"
        "#define WEIGHTS CONSTANTS.numbers\n"
    )


def _bytes(words: np.ndarray[tuple[int, ...], np.dtype[np.uint64]]) -> str:
    values = listed([*map(hex, words.tolist())])
    return (
        f"static const uint64_t PACKED_WORDS[{words.size}] __attribute__((aligned(64))) = {{{values}}};\n"
        "#define PACKED ((const int8_t *)PACKED_WORDS)\n"
    )
