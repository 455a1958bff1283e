"""The gate refuses defects of the compiler by itself; a sample, the others by `make mutants`."""

from __future__ import annotations

import pytest
from all_faults import FAULTS
from gate_run import NothingPlanted, refused_by
from injection import Fault, Injection
from write_table import table

# One of a check, of networks that take a second.
SAMPLE = {
    "opset_of_another_file": "contract",
    "batch_baked": "graph",
    "nan_let_through": "non-finite input",
    "above": "signals as in life",
    "snapshot_last": "ways through the runtime",
    "frame_number_wraps": "long streams",
    "window_one_frame_too_late": "latency",
    "weight_changed_after_the_proof": "bytes on the disk",
    "bf16_of_float16": "fewer bits",
    "update_gate_inverted": "parity",
    "caches_without_their_module": "names of layers",
    "golden_tolerance_of_a_thousand": "golden sample",
    "push_returns_its_own_buffer": "any chunking",
    "rows_of_a_batch_swapped": "batches, a long push",
}


@pytest.fixture(params=SAMPLE, ids=lambda name: name.replace("_", " "))
def fault(request: pytest.FixtureRequest) -> Fault:
    """One of the sample."""
    return FAULTS[request.param]


def test_the_gate_refuses_a_fault(fault: Fault) -> None:
    """By the check that is there for it; without the fault the same network passes."""
    assert refused_by(fault) == SAMPLE[fault.name]


def test_every_fault_can_be_planted() -> None:
    """What each changes is still there; a line that was rewritten has to be found again."""
    gone = {}
    for name, fault in FAULTS.items():
        with pytest.MonkeyPatch.context() as patch:
            try:
                fault.plant(Injection(patch))
            # Whatever does not fit any more.
            except (AssertionError, AttributeError, ImportError) as error:
                gone[name] = str(error)
    assert gone == {}


def test_a_fault_that_changes_nothing_passes() -> None:
    """The suite does not take a network for refused that is right."""
    from rnnedge_export import passes

    def plant(injection: Injection) -> None:
        injection.result(passes, "write_form", lambda written: written)

    assert refused_by(Fault("none", "form", "", "tagger, step", "export", plant)) is None


def test_a_fault_that_is_never_called_is_an_error() -> None:
    """What a fault changes has to be what the network goes through."""
    from rnnedge_export.forms import cells

    def plant(injection: Injection) -> None:
        injection.result(cells, "_rnn", lambda found: found)

    with pytest.raises(NothingPlanted, match="unused: what it changes was never called"):
        refused_by(Fault("unused", "form", "", "tagger, step", "export", plant))


def test_there_are_eighty_faults_of_every_room() -> None:
    """Each says in a sentence what is wrong, and stands in the table."""
    assert len(FAULTS) >= 80
    assert {f.room for f in FAULTS.values()} == {
        "binding",
        "capture",
        "codegen",
        "contract",
        "form",
        "package",
        "precision",
        "runtime",
        "streaming",
        "web",
    }
    assert all(len(fault.what) > 20 for fault in FAULTS.values())
    rows = table(dict.fromkeys(FAULTS, "parity")).splitlines()
    assert len(rows) == len(FAULTS) + 4
