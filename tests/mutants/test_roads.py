"""A defect of the runtime shows on the road of the proof that is there for it: over a file, without an export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from all_faults import FAULTS
from in_one_test import in_one_test
from injection import Injection

from rnnedge_export.verification.batch_roads import batched
from rnnedge_export.verification.road_parts import with_gaps
from rnnedge_export.verification.roads import ROADS
from rnnedge_runtime import Model, load
from rnnedge_runtime.contract import Array

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
ROWS = "rows of a batch"
Outputs = Mapping[str, Array]


def _sequences(model: Model) -> tuple[Outputs, Outputs]:
    """Frames (3, time, ...) with what stands for gaps, and what the file gives for each sequence in one push."""
    (port,), (output,) = model.contract.inputs, model.contract.outputs
    noise = np.random.default_rng(0).standard_normal((3, 24, *port.frame_shape), np.float32)
    frames = with_gaps({port.name: noise}, model.contract.unit)
    return frames, {output.name: np.stack([model.run(row) for row in frames[port.name]])}


def _that_differ(model: Model, frames: Outputs, whole: Outputs) -> list[str]:
    first, expected = ({name: array[0] for name, array in each.items()} for each in (frames, whole))
    found = [name for name, road in ROADS.items() if not _equal(partial(road, model, first), expected)]
    return found if _equal(partial(batched, model, frames), whole) else [*found, ROWS]


def _equal(road: Callable[[], Outputs], expected: Outputs) -> bool:
    """Over the frames that the road shows."""
    try:
        found = road()
    # A defect may end a road in any way.
    except Exception:
        return False
    return all(
        np.allclose(found[name], array[: len(found[name])], rtol=0, atol=1e-5) for name, array in expected.items()
    )


@in_one_test(
    "fault, road",
    [
        (None, None),
        ("end_without_a_beginning", "gap, ends"),
        ("nan_ends_nothing", "NaN, begins"),
        ("frame_before_a_nan_lost", "NaN, begins"),
        ("hold_of_a_first_frame", "gaps, held"),
        ("given_states_ignored", "states given"),
        ("finished_streams_go_on", "array pushes"),
        ("member_is_not_reset", "pool"),
        ("member_is_not_restored", "pool"),
        ("restore_first_row", ROWS),
        ("copy_that_begins", ROWS),
        ("gap_along_the_batch", ROWS),
    ],
)
def test_a_fault_of_the_runtime_shows_on_its_road(
    fault: str | None, road: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one no road differs."""
    model = load(GOLDEN)
    frames, whole = _sequences(model)
    if fault is not None:
        FAULTS[fault].plant(Injection(monkeypatch))
    found = _that_differ(model, frames, whole)
    assert found == [] if road is None else road in found
