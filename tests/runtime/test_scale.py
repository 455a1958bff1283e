"""Frames of a scale that the file was never proven on are told, once."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnnedge_runtime import load
from rnnedge_runtime._scale_check import scale_check_of

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
MODEL = load(GOLDEN, trust="local")
SHAPE = tuple(int(d) for d in MODEL.contract.inputs[0].frame_shape)
FAR = np.full((1, *SHAPE), 20000, np.float32)


def test_frames_of_another_scale_are_a_warning_once() -> None:
    """Also after silence, by push and by step; the frames are run."""
    for silent in (0, 3):
        stream = MODEL.stream()
        for _ in range(silent):
            stream.push(0 * FAR)
        with pytest.warns(RuntimeWarning, match=r"numbers up to 2e\+04, .* divide them by 32768"):
            assert len(stream.push(FAR)) == 1
        stream.push(FAR)
        stream.reset()
        stream.push(FAR)
    stream = MODEL.stream()
    stream.input[...] = FAR
    with pytest.warns(RuntimeWarning, match="numbers up to"):
        assert stream.step() == 1
    stream.step()


def test_frames_of_the_proven_scale_are_no_event() -> None:
    """Nor such as come after them: a look costs nothing later."""
    stream = MODEL.stream()
    stream.push(np.ones((1, *SHAPE), np.float32))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        stream.push(FAR)
    assert not told and not stream.counters


def test_a_warning_that_is_an_error_comes_once() -> None:
    """The push has not happened then, and the next one does."""
    stream = MODEL.stream()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="numbers up to"):
            stream.push(FAR)
        assert stream.frames == 0
        assert len(stream.push(FAR)) == 1


def test_a_file_that_the_exporter_did_not_write_has_no_proven_scale() -> None:
    """Its sample is a sample."""
    assert scale_check_of(MODEL.contract) is not None
    assert scale_check_of(replace(MODEL.contract, provenance={})) is None
