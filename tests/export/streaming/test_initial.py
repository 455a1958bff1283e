"""Initial states that are computed are constants if they are the same for every input, up to rounding."""

from __future__ import annotations

import numpy as np

from rnnedge_export.streaming._initial import alike


def test_the_last_digits_may_differ() -> None:
    """A batch of another size is added up in another order; numbers that follow from the data differ by more."""
    a = np.asarray([[0.5, -3.0]], np.float32)
    assert alike(a, np.nextafter(a, np.float32(9)))
    assert not alike(a, a + np.float32(1e-4))
    assert not alike(np.asarray([1, 2]), np.asarray([1, 3]))
    assert not alike(a, np.full_like(a, np.nan))


def test_infinities_are_equal() -> None:
    """A largest number so far starts from minus infinity, and finite numbers next to it may not differ."""
    a = np.asarray([0.5, -np.inf], np.float32)
    assert alike(a, a.copy())
    assert not alike(a, np.asarray([0.6, -np.inf], np.float32))
