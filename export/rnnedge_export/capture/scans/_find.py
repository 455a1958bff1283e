"""All recurrences of a capture, one kind after the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rnnedge_export.capture.loops import Unrolled, shape_of
from rnnedge_export.capture.scans._affine import rewrite_scans
from rnnedge_export.capture.scans._kernels import rewrite_kernels
from rnnedge_export.capture.scans._maxima import rewrite_maxima
from rnnedge_export.capture.scans._products import rewrite_products
from rnnedge_export.capture.scans._samples import Samples


def find_recurrences(unrolled: Unrolled, inputs: Sequence[Tensor], length: int) -> bool:
    """Write loops in the place of recurrences; whether there was any. `inputs`: of the capture, with random numbers.

    `length`: of the sequence, in frames or in blocks of them; one more with a state in front.
    Raises whatever the graph raises for them.
    """
    with_a_state = any(shape_of(node).count(length + 1) > 1 for node in unrolled.module.graph.nodes)
    lengths = (length, length + 1) if with_a_state else (length,)
    found = [_found_at(unrolled, inputs, each) for each in lengths]
    return any(found)


def _found_at(unrolled: Unrolled, inputs: Sequence[Tensor], length: int) -> bool:
    found, samples = False, None
    # What watches the calls of a module that is captured has nothing to do with these, of which there are thousands.
    with torch._C.DisableTorchFunction():
        if rewrite_maxima(first := Samples(unrolled, inputs, length)):
            unrolled.module.recompile()
        else:
            samples = first
        for rewrite in (rewrite_kernels, rewrite_products, rewrite_scans):
            samples = samples or Samples(unrolled, inputs, length)
            if rewrite(samples):
                unrolled.module.graph.eliminate_dead_code()
                unrolled.module.recompile()
                found, samples = True, None
    return found
