"""Streaming ONNX file -> one C99 file and its header."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import onnx

from rnnedge_export.codegen._identifiers import check_name
from rnnedge_export.codegen._ir.tensors import Array
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._limits import TooLarge
from rnnedge_export.codegen._program_lowering import Compiled, compile_program
from rnnedge_export.codegen.lower._gemm import VECTORS
from rnnedge_export.codegen.render._c_api import descriptor, header, in_comment, programs
from rnnedge_runtime.checksum import check_seal
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.contract_json import parse
from rnnedge_runtime.errors import ModelRefused

# From here on weights are a file of their own: compilers take long over text of that length.
_BLOB_BYTES = 4 << 20


@dataclass(frozen=True, eq=False)
class Source:
    """What the compiler wrote: `c` and `h` are text, `weights` the blob that `init` wants, None where there is none.

    `integer_products`: whether there are any, which processors have instructions of their own for.
    """

    name: str
    c: str
    h: str
    weights: bytes | None
    digest: str
    contract: Contract
    programs: tuple[Compiled, ...]
    weight_bytes: int
    integer_products: bool


def write_c(
    data: bytes,
    name: str,
    *,
    lanes: int,
    block: int | None = None,
    weights: str | None = None,
    compact: bool = False,
    origin: str = "model",
) -> Source:
    """Compile a sealed streaming file to C.

    `name`: a C identifier that all names begin with. `lanes`: floats of a vector of the target, 4, 8 or 16. `block`:
    write a second program that advances so many sequences together. `weights`: "static" or "blob"; None: by their size.
    `compact`: memory is dearer than time, so that all weights which are narrow in the file stay so.
    `origin` is how messages call the file.

    Raises `ModelRefused` for a file of an open number of frames that cannot be taken at its hop, and for an operator
    or an attribute that no rule can write; `InputError` for a bad name.
    """
    check_name(name, "".join(_kernels(narrow=True)))
    digest = check_seal(data, origin)
    model = _parsed(data, origin)
    contract = parse({entry.key: entry.value for entry in model.metadata_props}, origin)
    shared = Weights(compact=compact, file_bytes=len(data))
    if contract.batch not in (None, 1):
        raise ModelRefused(f"{origin}: made for batch {contract.batch}: the native engine needs batch 1 or an open one")
    try:
        compiled = [compile_program(model, contract, 1, lanes, shared)]
        if block and contract.batch is None:
            # A library without it advances sequences one by one.
            with suppress(TooLarge):
                compiled.append(compile_program(model, contract, block, lanes, shared))
    except ModelRefused as error:
        raise ModelRefused(f"{origin}: {error}") from error
    numbers, narrow = shared.all_floats(), shared.all_bytes()
    size = numbers.nbytes + narrow.nbytes
    blob = weights == "blob" or (weights is None and size >= _BLOB_BYTES)
    raw = numbers.astype("<f4").tobytes() + narrow.tobytes() if blob else None
    sha = hashlib.sha256(raw).hexdigest() if raw is not None else ""
    blob_size = len(raw) if raw is not None else 0
    parts = [
        f'/* {name}: {in_comment(origin)}, SHA-256 {digest}; written by rnnedge. */\n#include "{name}.h"\n',
        f"#define LANES {lanes}\n#define VECTORS {VECTORS}\n",
        *_kernels(narrow.size > 0),
        _constants(numbers, shared, blob),
        programs(name, compiled, blob),
        "#ifdef RNNEDGE_LIBRARY\n",
        f"#define RNNEDGE_INPUTS {len(compiled[0].inputs)}\n#define RNNEDGE_OUTPUTS {len(compiled[0].outputs)}\n",
        _part("library.h"),
        descriptor(name, compiled, digest, blob_size, sha),
        "#endif\n",
    ]
    text = "\n".join(parts)
    return Source(
        name,
        text,
        header(name, compiled, digest, blob_size),
        raw,
        digest,
        contract,
        tuple(compiled),
        size,
        shared.integer_products,
    )


def _parsed(data: bytes, origin: str) -> onnx.ModelProto:
    try:
        return onnx.load_from_string(data)
    # protobuf has errors of its own, in several versions of several classes.
    except Exception as error:
        raise ModelRefused(f"{origin}: expected an ONNX file, found other bytes; export the model again") from error


def _kernels(narrow: bool) -> list[str]:
    """The files of C that every program begins with, those of narrow weights where there are any."""
    names = ["numbers.h", "product.h"]
    # What the processor's own headers declare must not meet our macros.
    return [_part(name) for name in (["processor.h", *names, "narrow.h"] if narrow else names)]


def _part(name: str) -> str:
    return (files("rnnedge_export.codegen.render") / "c" / name).read_text()


def _constants(numbers: Array, weights: Weights, blob: bool) -> str:
    text = ""
    if not blob:
        bits = ",".join(map(hex, numbers.view(np.uint32).tolist()))
        text += (
            "/* float32 numbers by their bits. */\n"
            f"static const union {{ uint32_t bits[{numbers.size}]; float numbers[{numbers.size}]; }} constants "
            f"__attribute__((aligned(64))) = {{{{{_folded(bits)}}}}};\n"
            "#define K constants.numbers\n"
        )
    narrow = weights.all_bytes()
    if narrow.size and blob:
        text += f"#define Q ((const int8_t *)(K + {numbers.size}))\n"
    elif narrow.size:
        bits = ",".join(map(hex, narrow.view("<u8").tolist()))
        text += (
            f"static const uint64_t bytes[{narrow.size // 8}] __attribute__((aligned(64))) = {{{_folded(bits)}}};\n"
            "#define Q ((const int8_t *)bytes)\n"
        )
    integers = weights.all_integers()
    if integers.size:
        listed = ",".join(f"INT64_C({value})" if value > -(2**63) else "INT64_MIN" for value in integers.tolist())
        text += f"static const int64_t N[{integers.size}] = {{{_folded(listed)}}};\n"
    for number, table in enumerate(weights.tables):
        listed = ",".join(map(str, table.tolist()))
        text += f"static const int32_t T{number}[{table.size}] = {{{_folded(listed)}}};\n"
    return text


def _folded(listed: str, width: int = 4000) -> str:
    """Lines of a bearable length."""
    return re.sub(rf"(.{{{width}}}[^,]*,)", "\\1\n", listed)
