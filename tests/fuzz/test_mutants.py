"""A file that was changed is refused or works: no crash, no hang, one exception type.

`RNNEDGE_MUTANTS` says how many of each kind are tried; `make fuzz` tries 200,000.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from exported import export_network
from mutant_pool import Outcome, try_seeds
from operator_samples import SAMPLES

from rnnedge_runtime.untrusted.operator_table import operators

MUTANTS = int(os.environ.get("RNNEDGE_MUTANTS", "600"))
# Those of which machine code is made, which takes most of a second.
BUILT = MUTANTS // 200
GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
PEAK_MIB = 512


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Valid files: the golden one, and an LSTM in three forms."""
    folder = tmp_path_factory.mktemp("corpus")
    shutil.copy(GOLDEN, folder)
    for form in ("native", "scan", "unrolled"):
        export_network("both", form, folder)
    return folder


def check(outcome: Outcome, tried: int) -> None:
    """Nothing was wrong, nothing was left out; the counts are shown with `pytest -s`."""
    print(f"{tried} tried: {dict(outcome.results)}, at most {outcome.peak_mib} MiB")
    assert outcome.wrong == {}
    assert outcome.results.total() == tried
    assert outcome.peak_mib < PEAK_MIB


@pytest.mark.slow
def test_no_damaged_file_is_accepted(corpus: Path) -> None:
    """Half of the byte mutants keep their old seal: every one is refused that differs from its file."""
    outcome = try_seeds("damaged", corpus, range(MUTANTS // 2))
    check(outcome, MUTANTS // 2)
    assert outcome.results["refused"] >= 0.99 * (MUTANTS // 2)


@pytest.mark.slow
def test_damage_behind_a_new_seal_is_refused_or_harmless(corpus: Path) -> None:
    """The other half is sealed again: what is accepted gives its golden outputs."""
    outcome = try_seeds("resealed", corpus, range(MUTANTS - MUTANTS // 2))
    check(outcome, MUTANTS - MUTANTS // 2)
    assert outcome.results["accepted"] and outcome.results["refused"]


@pytest.mark.slow
def test_another_structure_is_refused_or_harmless(corpus: Path) -> None:
    """Operators, attributes, dims, wires, metadata and promises changed: what is accepted gives its golden outputs."""
    outcome = try_seeds("structural", corpus, range(MUTANTS))
    check(outcome, MUTANTS)
    assert outcome.results["accepted"] and outcome.results["refused"]


@pytest.mark.slow
def test_a_hostile_operator_is_refused_or_an_error(tmp_path: Path) -> None:
    """Attributes, shapes, types and numbers of every operator, in the file or from a frame on: no process ends."""
    shutil.copy(GOLDEN, tmp_path)
    outcome = try_seeds("operator", tmp_path, range(MUTANTS))
    check(outcome, MUTANTS)
    assert outcome.results["accepted"] and outcome.results["refused"]


def test_there_is_a_sample_of_every_operator() -> None:
    """What is left out needs no tensors."""
    left_out = {"Constant", "Scan"}
    assert set(SAMPLES) == operators() - left_out


@pytest.mark.slow
def test_a_hostile_node_gives_the_same_on_both_engines(tmp_path: Path) -> None:
    """Attributes, shapes, lengths and types changed: refused, or the numbers of onnxruntime from machine code too."""
    outcome = try_seeds("node-on-both", tmp_path, range(BUILT), limit_s=20.0)
    outcome.add(try_seeds("node", tmp_path, range(BUILT, MUTANTS)))
    check(outcome, MUTANTS)
    # One in sixteen is as honest as its operator.
    assert outcome.results["accepted"] >= MUTANTS // 16 and outcome.results["refused"]


@pytest.mark.parametrize(("kind", "words"), [("crash", "crash: exit -11"), ("hang", "hang"), ("type", "TypeError")])
def test_a_planted_defect_is_found_with_its_seed(kind: str, words: str, tmp_path: Path) -> None:
    """A crash, a hang and an exception of another type are each known by the seed, so the tests above can fail."""
    shutil.copy(GOLDEN, tmp_path)
    outcome = try_seeds(kind, tmp_path, range(1), limit_s=0.5)
    assert words in outcome.wrong[0]
