"""Tables, promises and the README's table are written from the record, and say where others are ahead."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.peers.__main__ import PAGE, RECORD
from bench.peers.claims import ahead, claims, why
from bench.peers.harness import Row, Turns
from bench.peers.page import page
from bench.peers.problem import CELLS, SIZES, Case
from bench.peers.record import Cell, Record, load
from bench.peers.roster import BARE, EXECUTORCH, NUMPY, PLAIN, TRACT
from bench.readme import PAGE as NATIVE
from bench.readme import README, ROWS, between, put_between, short


def _record(**changes: float) -> Record:
    """Two cells with round numbers: ours 10 and 100, int8 20, plain 30 and 90, bare 9.5 and 95."""
    fast = {"rnnedge push, native": 12.0, "rnnedge step in place, native": 10.0, PLAIN: 30.0, BARE: 9.5, TRACT: 40.0}
    large = {"rnnedge push, native": 100.0, PLAIN: 90.0, BARE: 95.0, TRACT: 400.0, **changes}
    rows = {name: Row(name, "float32", p50, 2 * p50, 1e-7) for name, p50 in large.items()}
    rows["rnnedge push, step int8"] = Row("rnnedge push, step int8", "int8", 20.0, 25.0, 4e-3)
    rows[EXECUTORCH] = Row(EXECUTORCH, "float32", skipped="not installed: no module executorch")
    first = {name: Row(name, "float32", p50, 2 * p50, 2e-7) for name, p50 in fast.items()}
    cells = (Cell(Case("LSTM", 1, 16), first), Cell(Case("LSTM", 80, 512), rows))
    return Record({"processor": "a processor", "instructions": "avx2"}, Turns(3, 100, 30.0, 1), cells)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Nothing is lost but digits beyond the fourth."""
    record = _record()
    record.save(tmp_path / "peers.json")
    found = load(tmp_path / "peers.json")
    assert found == record


def test_promises_are_judged_by_the_best_of_ours() -> None:
    """Kept, broken with the worst cell named, or open where nobody was there."""
    found = {claim.promise: claim for claim in claims(_record())}
    assert found[f"ahead of {TRACT} in every cell"].kept is True
    broken = found[f"ahead of {PLAIN} in every cell"]
    assert broken.kept is False and broken.found == "in 1 of 2; least 0.90 times at LSTM 80,512"
    bare = found[f"within 10% of {BARE} in every cell"]
    assert bare.kept is True and "most 1.05 times" in bare.found
    eight = found[f"int8 at least 4 times as fast as {PLAIN}, LSTM 80,512"]
    assert eight.kept is True and eight.found == "4.50 times, rnnedge push, step int8"
    assert found["ahead of OpenVINO, f32 in every cell"].kept is None
    slower = {claim.promise: claim for claim in claims(_record(**{BARE: 90.0, PLAIN: 79.0}))}
    assert slower[f"within 10% of {BARE} in every cell"].kept is False
    eight = slower[f"int8 at least 4 times as fast as {PLAIN}, LSTM 80,512"]
    assert eight.kept is False and "no instruction for sums of products of bytes" in eight.found


def test_whoever_is_ahead_is_named() -> None:
    """With the cell and both figures; precision by precision, so that int8 does not hide it."""
    found = [(entry.cell, entry.contender, entry.theirs_us, entry.ours_us) for entry in ahead(_record())]
    assert found == [
        ("LSTM 1,16", BARE, 9.5, 10.0),
        ("LSTM 80,512", BARE, 95.0, 100.0),
        ("LSTM 80,512", PLAIN, 90.0, 100.0),
    ]


def test_a_lead_within_the_noise_is_called_that() -> None:
    """A reason is given for what two runs would both show."""
    assert why(PLAIN, 1.02) == "two runs of the same differ as much as that" != why(PLAIN, 1.2)
    assert "numpy makes none" in why(NUMPY, 1.5) and "Two runs" in page(_record(**{PLAIN: 99.0}))


def test_the_page_has_figures_promises_and_reasons() -> None:
    """A table for float32 and one for the rest, the broken promise, who is ahead, who is missing and why."""
    text = page(_record())
    assert "| contender | 1,16 | 80,512 | max error |" in text
    assert "| rnnedge step in place, native | 10 / 20 |  | 2e-07 |" in text
    assert "| rnnedge push, step int8 |  | 20 / 25 | 4e-03 |" in text
    assert f"| ahead of {PLAIN} in every cell | in 1 of 2; least 0.90 times at LSTM 80,512 | **no** |" in text
    assert f"- {PLAIN}: LSTM 80,512; most 1.11 times, at LSTM 80,512, 90 against 100 µs. " in text
    assert f"- {EXECUTORCH} (LSTM 80,512): not installed: no module executorch" in text
    assert "a processor" in text


def test_the_readme_has_at_most_eight_rows_of_the_page() -> None:
    """Medians of a few contenders in a few layers, with the machine; the numbers are those of the page."""
    lines = short(NATIVE.read_text(encoding="utf-8")).splitlines()
    rows = [line for line in lines if line.startswith("|")][2:]
    assert 0 < len(rows) <= 8 and "native engine" in rows[0]
    text = "| LSTM | 1,16 | 40,64 | 80,512 |\n|---|\n" + "".join(f"| {n} | 1 / 2 | 3 / 4 | 5 / 6 |\n" for n in ROWS)
    text += "\n" + text.replace("LSTM", "GRU").replace("3 / 4", "7 / 8") + "\nMeasured by us: processor P, cores 2, "
    text += "instructions i, load 1."
    assert short(text).splitlines()[2] == "| **rnnedge, native engine** | 3 | 5 | 7 | 5 |"
    assert short(text).endswith("P, i.")


def test_marks_hold_what_a_script_writes() -> None:
    """What stands around them stays; a text without them is refused."""
    text = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb"
    changed = put_between(text, "x", "new")
    assert changed == "a\n<!-- x:begin -->\nnew\n<!-- x:end -->\nb"
    assert between(changed, "x") == "new"
    with pytest.raises(ValueError, match="<!-- y:begin -->"):
        between(text, "y")


def test_what_is_published_is_what_was_recorded() -> None:
    """README and page equal what the record gives, and the record has every cell."""
    record = load(RECORD)
    assert [cell.case for cell in record.cells] == [Case(cell, *size) for cell in CELLS for size in SIZES]
    assert PAGE.read_text(encoding="utf-8") == page(record) + "\n"
    assert between(README.read_text(encoding="utf-8"), "bench") == short(NATIVE.read_text(encoding="utf-8"))
