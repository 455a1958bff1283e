"""Streaming ONNX file -> one C99 file and its header."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

import onnx

from rnnedge_export.codegen import render
from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._narrow_sums import narrow_sums
from rnnedge_export.codegen._nodes.limits import TooLarge
from rnnedge_export.codegen._program_lowering import lower_program
from rnnedge_export.codegen._stretch import lower_stretch
from rnnedge_runtime.checksum import check_seal
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.contract_json import parse
from rnnedge_runtime.errors import ModelRefused

# From here on weights are a file of their own: compilers take long over text of that length.
_BLOB_BYTES = 4 << 20


@dataclass(frozen=True, eq=False)
class Source:
    """What the compiler wrote: `c` and `h` are text, `weights` the blob that `init` wants, None if there is none.

    `integer_products`: whether there are any, which processors have instructions of their own for.
    """

    name: str
    c: str
    h: str
    weights: bytes | None
    digest: str
    contract: Contract
    programs: tuple[StepProgram, ...]
    weight_bytes: int
    integer_products: bool


def write_c(
    data: bytes,
    name: str,
    *,
    lanes: int,
    block: int | None = None,
    weights: str | None = None,
    stretch: bool = False,
    compact: bool = False,
    origin: str = "model",
) -> Source:
    """Compile a sealed streaming file to C.

    `name`: a C identifier that all names begin with. `lanes`: floats of a vector of the target, 4, 8 or 16. `block`:
    sequences of a second program. `weights`: "static" or "blob"; None: by their size. `stretch`: a library makes
    several steps in one call where it can.
    `compact`: memory is dearer than time, so that all weights which are narrow in the file stay so.
    `origin` is how messages call the file.

    Raises `ModelRefused` for a file of an open number of frames that cannot be taken at its hop, and for an operator
    or an attribute that no rule can write; `InputError` for a bad name.
    """
    render.check_name(name)
    digest = check_seal(data, origin)
    model = _parsed(data, origin)
    narrow_sums(model)
    contract = parse({entry.key: entry.value for entry in model.metadata_props}, origin)
    shared = Weights(compact=compact, file_bytes=len(data))
    if contract.batch not in (None, 1):
        raise ModelRefused(f"{origin}: made for batch {contract.batch}: the native engine needs batch 1 or an open one")
    try:
        programs = [lower_program(model, contract, 1, lanes, shared)]
        if block and contract.batch is None:
            # A library without it advances sequences one by one.
            with suppress(TooLarge):
                programs.append(lower_program(model, contract, block, lanes, shared))
        several = lower_stretch(model, contract, programs[0], lanes, shared) if stretch else None
        if several is not None:
            programs[0] = replace(programs[0], memory=programs[0].memory.with_room_for(several.memory))
        size = shared.all_floats().nbytes + shared.all_bytes().nbytes
        blob = weights == "blob" or (weights is None and size >= _BLOB_BYTES)
        products = render.shared_products([*programs, *([several] if several else [])])
        functions = _functions(name, programs, blob, products)
        try:
            functions += [render.stretch(name, several, blob, shared=products)] if several else []
        except TooLarge:
            several = None
    except ModelRefused as error:
        raise ModelRefused(f"{origin}: {error}") from error
    raw = shared.all_floats().astype("<f4").tobytes() + shared.all_bytes().tobytes() if blob else None
    blob_facts = (len(raw), hashlib.sha256(raw).hexdigest()) if raw is not None else (0, "")
    parts = [
        render.beginning(name, lanes, origin, digest),
        render.kernels(shared.all_bytes().size > 0, shared.sparse),
        render.constants(shared, blob),
        render.definitions(products),
        *functions,
        render.library(name, programs, several, digest, *blob_facts),
    ]
    return Source(
        name,
        "\n".join(parts),
        render.header(name, programs, digest, blob_facts[0], contract),
        raw,
        digest,
        contract,
        tuple(programs),
        size,
        shared.integer_products,
    )


def _functions(name: str, programs: list[StepProgram], blob: bool, shared: Iterable[render.Shape]) -> list[str]:
    """The functions of every program; one of several sequences whose text is too long is left out."""
    functions = [render.functions(name, programs[0], blob, shared=shared)]
    for one in programs[1:]:
        try:
            functions.append(render.functions(name, one, blob, shared=shared))
        except TooLarge:
            programs.remove(one)
    return functions


def _parsed(data: bytes, origin: str) -> onnx.ModelProto:
    try:
        return onnx.load_from_string(data)
    # protobuf has errors of its own, in several versions of several classes.
    except Exception as error:
        raise ModelRefused(f"{origin}: expected an ONNX file, found other bytes; export the model again") from error
