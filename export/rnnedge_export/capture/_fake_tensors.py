"""torch.export without what costs more than it gives here: a cache of shapes, a stack of calls, searches by sympy.

Traces compute shapes where they are asked for, which is faster than torch's cache of them for all but long networks.
The cache makes every result a second time to see that it can be made from what is kept: of a network with ten
operators a third of a trace; of one whose layers repeat for hundreds of operators it saves as much as it takes.

A length divided by what is common to both is simplified by all that sympy knows, which takes hours for lengths that are
rounded up once for each layer of an encoder. A long one is the same number divided term by term, where that goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch

from rnnedge_export.capture.code_places import wanted

# Operations in an expression.
_LONG = 16


def exported(
    module: torch.nn.Module,
    x: tuple[torch.Tensor, ...],
    dims: Any = None,
    *,
    deferred: bool = False,
    with_lines: bool = False,
) -> torch.export.ExportedProgram:
    """torch.export with `dims` as its dynamic shapes; `deferred`: what it cannot prove of lengths is checked later.

    `with_lines`: every operator knows its line of the user's code, which takes a tenth of a trace.
    """
    # What traces is half of an import of torch, and reading a file needs none of it.
    from torch._dynamo import config

    # Without types: what installs `patch` is hidden from type checkers.
    settings: Any = config
    without_lines = patch.object(torch.fx.config, "do_not_emit_stack_traces", not (with_lines or wanted()))
    with settings.patch(fake_tensor_cache_enabled=False), without_lines:
        return torch.export.export(module, x, dynamic_shapes=dims, prefer_deferred_runtime_asserts_over_guards=deferred)


@contextmanager
def quick_lengths() -> Iterator[None]:
    """While it lasts, long expressions of lengths are divided term by term."""
    import sympy  # type: ignore[import-untyped]  # it has no types

    simplify = sympy.simplify

    def quick(of: Any, **options: Any) -> Any:
        terms = sympy.expand_mul(of, deep=False)
        divided = all(sympy.fraction(term)[1] == 1 for term in sympy.Add.make_args(terms))
        return terms if divided and sympy.count_ops(of) >= _LONG else simplify(of, **options)

    with patch.object(sympy, "simplify", quick):
        yield
