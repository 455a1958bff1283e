"""A context of whole numbers takes those that the source took, on both engines; and so does a snapshot of anybody's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import conditioned
import numpy as np
import pytest
from both_engines import ENGINES, Pair, pair_of
from exported import Exported
from in_one_test import in_one_test

from rnnedge_runtime import InputError, Model
from rnnedge_runtime._snapshot import pack, unpack
from rnnedge_runtime.contract_json import dump, parse
from rnnedge_runtime.errors import ContractError

SPEAKER = np.zeros(conditioned.SPEAKER, np.float32)
LAST = conditioned.LANGUAGES - 1
BAD = [-1, LAST + 1, -LAST - 1, 2**40]
WORDS = rf"expected numbers from 0 to {LAST}, found "


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A file whose language is a row of a table."""
    path = tmp_path_factory.mktemp("voice") / "voice.onnx"
    path.write_bytes(conditioned.file())
    return pair_of(path)


def _context(language: object) -> dict[str, object]:
    return {"speaker": SPEAKER, "language": language}


def _set_in_pool(model: Model, language: object) -> object:
    pool = model.pool(2)
    return pool.set_context(pool.join(context=_context(0)), {"language": language})


def _in_snapshot(model: Model, language: object) -> object:
    stream = model.stream(context=_context(0))
    found = unpack(stream.snapshot())
    state = np.full_like(found.arrays["state:language"], language)
    return stream.restore(pack(found._replace(arrays={**found.arrays, "state:language": state})))


WAYS: dict[str, Callable[[Model, object], object]] = {
    "stream": lambda model, x: model.stream(context=_context(x)),
    "batch": lambda model, x: model.stream(2, context=_context(np.array([0, x]))),
    "states": lambda model, x: model.stream(context={"speaker": SPEAKER}, states={"language": np.array([x])}),
    "set_context": lambda model, x: model.stream(context=_context(0)).set_context({"language": x}),
    "with_context": lambda model, x: model.with_context(_context(x)),
    "join": lambda model, x: model.pool(2).join(context=_context(x)),
    "set_context of a pool": _set_in_pool,
    "snapshot": _in_snapshot,
}


@in_one_test("engine", ENGINES)
@in_one_test("way", WAYS)
@in_one_test("number", [*BAD, 0, LAST])
def test_a_context_out_of_range_is_named(voice: Pair, engine: str, way: str, number: int) -> None:
    """Whichever way it comes; ONNX alone would take a negative one from the end of the table."""
    model = voice.native if engine == "native" else voice.cpu
    if number not in BAD:
        WAYS[way](model, number)
        return
    with pytest.raises(InputError, match=WORDS + str(number)):
        WAYS[way](model, number)


@in_one_test("kind", ["rest", "last"])
@in_one_test("number", [-1, 11])
def test_frames_of_a_snapshot_are_in_range(tokens: Exported, number: int, kind: str) -> None:
    """Those that wait for a call, and the one that stands for lost ones; the stream is as before."""
    stream = tokens.model.stream(gap="hold")
    stream.push(np.array([1, 2]))
    before, found = stream.snapshot(), unpack(stream.snapshot())
    changed = found._replace(arrays={**found.arrays, f"{kind}:tokens": np.array([number])})
    with pytest.raises(InputError, match=r"expected numbers from 0 to 10, found|the frames that it holds"):
        stream.restore(pack(changed))
    assert stream.snapshot() == before


def test_a_contract_says_so(voice: Pair) -> None:
    """What it says is read again; of a state that is no context it says nothing, and a start is in the range."""
    contract = voice.cpu.contract
    (language,) = (state for state in contract.states if state.input == "language")
    assert language.range == (0, LAST)
    assert [state.range for state in parse(dump(contract), "m").states] == [state.range for state in contract.states]
    for wrong in (
        replace(language, context=""),
        replace(language, range=(1, 3)),
        replace(language, initial=float(LAST + 1)),
        replace(language, range=(0, 2**63)),
    ):
        states = tuple(wrong if state is language else state for state in contract.states)
        with pytest.raises(ContractError, match="language"):
            parse(dump(replace(contract, states=states)), "m")
