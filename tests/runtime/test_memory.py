"""What a caller multiplies is counted before it is allocated: frames, sequences, members, a gap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported import Exported

from rnnedge_runtime import InputError, Model, Stalled, load
from rnnedge_runtime import _memory as memory
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime._memory import STRICT, Room, bulk, most_frames
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.contract_json import parse
from rnnedge_runtime.engines.native._signature import read_signature

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
# For the tagger: 24 bytes a frame in, 20 out, so that 100 frames are too many and 50 are not.
SMALL = Room(call=4096, held=1 << 20, result=1200, share=0)


def within(model: Model, room: Room) -> Model:
    """The same file, whose streams have this room."""
    return Model(LoadedModel(model.name, model.digest, model.contract, model.engine, room=room))


def frames(contract: Contract, count: int, batch: int = 1) -> Any:
    """Random ones."""
    shape = (count, *(int(d) for d in contract.inputs[0].frame_shape))
    return np.random.default_rng(count).standard_normal(shape if batch == 1 else (batch, *shape)).astype(np.float32)


def out_bytes(contract: Contract) -> int:
    """Of a frame."""
    port = contract.outputs[0]
    return int(np.prod([int(d) for d in port.frame_shape])) * np.dtype(port.dtype).itemsize


def test_a_push_whose_results_are_too_large_is_refused(native: Exported) -> None:
    """Naming frames and bytes, with nothing run; as many as there is room for pass, and so do all in several pushes."""
    model = native.model
    most = SMALL.result // out_bytes(model.contract)
    stream, plain = within(model, SMALL).stream(), model.stream()
    given = frames(model.contract, most + 1)
    with pytest.raises(
        InputError, match=rf"push: {most + 1} frames give [\d,]+ bytes, expected at most 1,200.*{most} at a time"
    ):
        stream.push(given)
    assert stream.frames == 0
    np.testing.assert_allclose(stream.push(given[:most]), plain.push(given[:most]), atol=1e-6)
    np.testing.assert_allclose(stream.push(given[most:]), plain.push(given[most:]), atol=1e-6)


def test_a_long_push_is_cut_into_calls_that_fit(native: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """The results are those of one call; no call has larger buffers than there is room for."""
    model = native.model
    room = SMALL._replace(result=1 << 30)
    small, large = within(model, room).stream(), model.stream()
    given = frames(model.contract, 500)
    np.testing.assert_allclose(small.push(given), large.push(given), atol=1e-6)
    lengths = {small.runner._once.frames, *small.runner._bindings._others}
    assert max(lengths) == bulk(model.contract, 1, room, model.contract.piece) < 200
    assert max(large.runner._once.frames, *large.runner._bindings._others) == 500


def load_golden() -> Contract:
    """The contract of the golden file."""
    return parse(read_signature(GOLDEN.read_bytes(), "golden").metadata, "golden")


def test_frames_that_bring_much_may_give_much() -> None:
    """A long recording of a file from somebody else passes, where its results are no more than 8 times as large."""
    contract = load_golden()
    assert most_frames(contract, 1, STRICT) is None
    port = contract.outputs[0]
    wide = replace(contract, outputs=(replace(port, shape=("time", "batch", 1 << 17)),))
    assert most_frames(wide, 1, STRICT) == 256
    assert most_frames(wide, 2, STRICT) == 128
    assert most_frames(wide, 1, STRICT, given=False) == 256


@pytest.mark.parametrize("policy", ["hold", "zero"])
def test_a_gap_whose_results_are_too_large_is_refused(native: Exported, policy: Any) -> None:
    """It takes no time and no memory to say so; a gap that ends the sequence gives nothing, whatever its length."""
    model = native.model
    most = SMALL.result // out_bytes(model.contract)
    stream = within(model, SMALL).stream(gap=policy)
    stream.push(frames(model.contract, 3))
    with pytest.raises(InputError, match=r"gap: 1,000,000 frames give [\d,]+ bytes, expected at most 1,200"):
        stream.gap(1_000_000)
    assert stream.frames == 3 and len(stream.gap(most)) == most
    ended = within(model, SMALL).stream(gap="reset")
    ended.push(frames(model.contract, 3))
    ended.gap(1_000_000)
    assert ended.frames == 0


def test_more_sequences_than_there_is_room_for_are_refused(native: Exported) -> None:
    """A batch and a pool, by the bytes that they would take."""
    model = within(native.model, SMALL)
    for make, words in ((model.stream, "stream: 100,000 sequences take"), (model.pool, "pool: 100,000 members take")):
        with pytest.raises(InputError, match=rf"{words} [\d,]+ bytes, expected at most 1,048,576"):
            make(100_000)
        make(20)


def test_a_push_of_a_pool_is_bounded_too(native: Exported) -> None:
    """By what all members get; they are as before."""
    model = within(native.model, SMALL)
    pool = model.pool(4)
    members = [pool.join() for _ in range(4)]
    most = SMALL.result // out_bytes(model.contract) // 4
    given = frames(model.contract, most + 1)
    with pytest.raises(InputError, match=rf"push: {most + 1} frames give"):
        pool.push(dict.fromkeys(members, given))
    assert [pool.frames(member) for member in members] == [0] * 4
    found = pool.push(dict.fromkeys(members, given[:most]))
    np.testing.assert_allclose(found[members[3]], native.model.stream().push(given[:most]), atol=1e-6)


def test_what_the_system_has_no_memory_for_is_an_error_of_ours(
    native: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where numpy raises `MemoryError`."""

    def full(*_: object, **__: object) -> None:
        raise MemoryError

    model = native.model
    given = frames(model.contract, 5)
    monkeypatch.setattr(np, "concatenate", full)
    with pytest.raises(InputError, match="stream: expected memory for what the call takes and gives"):
        model.run(given)
    stream = model.stream()
    monkeypatch.setattr(np, "zeros", full)
    with pytest.raises(InputError, match="stream: expected memory"):
        stream.push(given)
    assert stream.frames == 0
    monkeypatch.undo()
    np.testing.assert_array_equal(stream.push(given), model.stream().push(given))


def test_a_whole_run_has_a_time_limit(native: Exported) -> None:
    """It ends with `Stalled`; with enough time the results are those without a limit."""
    model = native.model
    given = frames(model.contract, 200_000)
    with pytest.raises(Stalled):
        model.run(given, time_limit_s=1e-6)
    np.testing.assert_array_equal(model.run(given[:50], time_limit_s=600.0), model.run(given[:50]))


@pytest.mark.parametrize("members", [1, 3])
def test_a_whole_push_of_a_pool_has_a_time_limit(native: Exported, members: int) -> None:
    """Also where it takes many calls; all members are as before then. With enough time it gives what it gives."""
    model = native.model
    given = frames(model.contract, 200_000)
    pool = model.pool(members, time_limit_s=1e-6)
    joined = [pool.join() for _ in range(members)]
    with pytest.raises(Stalled):
        pool.push(dict.fromkeys(joined, given))
    assert [pool.frames(member) for member in joined] == [0] * members
    patient = model.pool(members, time_limit_s=600.0)
    found = patient.push({patient.join(): given[:7] for _ in range(members)})
    np.testing.assert_allclose(list(found.values())[-1], model.stream().push(given[:7]), atol=1e-6)


def test_a_file_from_somebody_else_has_less_room(native: Exported) -> None:
    """A strict load says so; a local one has what the machine has."""
    assert load(native.path, trust="strict")._loaded.room == STRICT
    assert load(native.path, trust="local")._loaded.room == memory.machine()
    assert memory.machine().held > STRICT.held
