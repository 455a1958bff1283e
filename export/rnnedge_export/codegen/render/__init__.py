"""The program of one step as C, and what goes around it; templates stand in `c/`, `web/` and `bindings/`."""

from __future__ import annotations

from collections.abc import Sequence

from rnnedge_export.codegen._ir.gemm import VECTORS
from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen.render import _identifiers
from rnnedge_export.codegen.render._addresses import Addresses
from rnnedge_export.codegen.render._bindings import LANGUAGES, binding, binding_proof
from rnnedge_export.codegen.render._c_api import functions, header, program_name, stretch
from rnnedge_export.codegen.render._constants import constants
from rnnedge_export.codegen.render._gemm import Shape
from rnnedge_export.codegen.render._library import description, generic
from rnnedge_export.codegen.render._proof import proof
from rnnedge_export.codegen.render._shared_products import definitions, shared_products
from rnnedge_export.codegen.render._site import site
from rnnedge_export.codegen.render._text import filled, in_comment, part

__all__ = [
    "LANGUAGES",
    "Addresses",
    "Shape",
    "beginning",
    "binding",
    "binding_proof",
    "check_name",
    "constants",
    "definitions",
    "filled",
    "functions",
    "generic",
    "header",
    "in_comment",
    "kernels",
    "library",
    "part",
    "program_name",
    "proof",
    "shared_products",
    "site",
    "stretch",
]


_CHOICES = (
    {"prefix": "", "number": "float", "is_none": "is_nan"},
    {"prefix": "whole_", "number": "int64_t", "is_none": "never"},
)
_NARROW = ("narrow.h", "narrow_small.h", "narrow_wide.h")


def kernels(narrow: bool, sparse: bool) -> str:
    """What every program calls; with what narrow weights and pruned ones need, if there are any."""
    names = [
        "numbers.h",
        "whole_numbers.h",
        "angles.h",
        "powers.h",
        "cortex_m.h",
        "product.h",
        *(["sparse.h"] if sparse else []),
        "cells.h",
        "convolution.h",
        "rows.h",
    ]
    # What the processor's own headers declare must not meet our macros.
    choices = [filled("choice.h", **types) for types in _CHOICES]
    more = map(part, _NARROW if narrow else ())
    return "\n".join([*map(part, ["processor.h", *names] if narrow else names), *choices, *more])


def check_name(name: str) -> None:
    """Raise `InputError` for what cannot name a network next to the C that all networks share."""
    _identifiers.check_name(name, kernels(narrow=True, sparse=True))


def beginning(name: str, lanes: int, origin: str, digest: str) -> str:
    """The first lines of a file."""
    return filled("beginning.c", name=name, origin=in_comment(origin), digest=digest, lanes=lanes, vectors=VECTORS)


def library(
    name: str,
    programs: Sequence[StepProgram],
    several: StepProgram | None,
    digest: str,
    weight_bytes: int,
    weights_sha: str,
) -> str:
    """What only a library needs; `several` is the program of several steps, if there is one."""
    one = programs[0]
    return filled(
        "library.c",
        inputs=len(one.inputs),
        outputs=len(one.outputs),
        stretch=several.steps_at_once if several else 1,
        types=part("library.h"),
        description=description(name, programs, digest, weight_bytes, weights_sha),
    )
