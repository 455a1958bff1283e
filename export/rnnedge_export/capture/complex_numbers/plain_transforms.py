"""Fourier transforms of every kind, by the three that have rules for pairs: `_fft_r2c`, `_fft_c2r` and `_fft_c2c`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch.export.exported_program import _split_decomp_table_to_cia_and_python_decomp

from rnnedge_export.capture.decompositions import Table, decomposed, registered_operators


def with_plain_transforms(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """`program`, which may be changed; what is a view of another tensor is taken apart too."""
    return decomposed(program, _is_kept, lambda: _tables(registered_operators()))


def _is_kept(target: Any) -> bool:
    return not str(target).startswith("aten.fft_")


@lru_cache(maxsize=2)
def _tables(registered: object) -> tuple[Table, Table]:
    table: Table = torch.export.default_decompositions()
    transforms = {op: table[op] for op in list(table) if not _is_kept(op)}
    composites, others = _split_decomp_table_to_cia_and_python_decomp(transforms)
    return composites, others
