"""A model goes to another process by its file; what is in progress stays, and says how to go on there."""

from __future__ import annotations

import copy
import io
import multiprocessing
import os
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from exported import Exported

import rnnedge_runtime
from rnnedge_runtime import InputError, Model, ModelRefused, OwnerError, StateMonitor, load

FRAMES = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)


def scored(model: Model) -> tuple[int, np.ndarray]:
    """In another process."""
    return os.getpid(), np.asarray(model.run(FRAMES))


def test_a_model_is_loaded_again_in_another_process(native: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its file, in whatever folder that process works, as it was loaded here."""
    monkeypatch.chdir(native.path.parent)
    model = load(native.path.name, threads=2, trust="strict")
    monkeypatch.chdir("/")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        process, found = pool.submit(scored, model).result()
    assert process != os.getpid()
    np.testing.assert_array_equal(found, model.run(FRAMES))
    again = pickle.loads(pickle.dumps(model))
    assert again.digest == model.digest and again.name == str(native.path)
    assert (again._again.args[0].settings, again._again.args[0].trust) == (model._again.args[0].settings, "strict")


def test_another_file_in_its_place_is_refused(native: Exported, both: Exported, tmp_path: Path) -> None:
    """What is unpickled is the file that was pickled, or an error."""
    path = shutil.copy(native.path, tmp_path / "m.onnx")
    packed = pickle.dumps(load(path))
    shutil.copy(both.path, path)
    with pytest.raises(ModelRefused, match=r"another file than the model was loaded from.*load the new one"):
        pickle.loads(packed)
    path.unlink()
    with pytest.raises(ModelRefused, match="No such file"):
        pickle.loads(packed)


def test_a_model_of_bytes_takes_them_along(native: Exported) -> None:
    """There is no path to load it from."""
    model = load(native.path.read_bytes())
    again = pickle.loads(pickle.dumps(model))
    assert model.name == again.name == "model"
    np.testing.assert_array_equal(again.run(FRAMES), model.run(FRAMES))


def test_a_copy_of_a_model_is_itself(native: Exported) -> None:
    """It does not change; the contract is a value and can go anywhere."""
    model = native.model
    assert copy.copy(model) is model and copy.deepcopy({"a": model})["a"] is model
    again = pickle.loads(pickle.dumps(model.contract))
    assert (again.inputs, again.outputs, again.provenance) == (
        model.contract.inputs,
        model.contract.outputs,
        model.contract.provenance,
    )


def test_what_is_in_progress_says_how_to_go_on(native: Exported) -> None:
    """By pickle or by copy, from inside a list too; afterwards it goes on here."""
    model = native.model
    stream, pool = model.stream(), model.pool(2)
    member = pool.join()
    with model.pool(1).batcher() as batcher:
        things = (stream, pool, member, batcher, StateMonitor(stream))
        for thing in things:
            for act in (pickle.dumps, copy.copy, copy.deepcopy, lambda one: pickle.dumps([one])):
                if act is copy.copy and isinstance(thing, StateMonitor):
                    continue
                with pytest.raises(OwnerError, match=r"stays in the process that made it; .*(snapshot|load\(path\))"):
                    act(thing)
    np.testing.assert_array_equal(stream.push(FRAMES), pool.push({member: FRAMES})[member])


def test_a_file_is_loaded_from_bytes_and_open_files(native: Exported) -> None:
    """As from its path: the digest decides whom it belongs to."""
    data = native.path.read_bytes()
    expected = native.model.run(FRAMES)
    with native.path.open("rb") as file:
        for given in (data, bytearray(data), memoryview(data), io.BytesIO(data), file):
            model = load(given)
            assert model.digest == native.model.digest
            np.testing.assert_array_equal(model.run(FRAMES), expected)
    with pytest.raises(ModelRefused, match=r"^model: damaged"):
        load(data[:-1])
    with pytest.raises(InputError, match="bytes have no signature next to them; load the file by its path"):
        load(data, key="key.pem")


def test_an_open_file_without_an_end_is_refused() -> None:
    """A device, or a socket: it is not read for ever."""
    with (
        Path("/dev/zero").open("rb") as file,
        pytest.raises(ModelRefused, match=r"at most 67,108,864 bytes in an open"),
    ):
        load(file)


def test_errors_go_to_another_process() -> None:
    """With their message and their exit code."""
    for name in rnnedge_runtime.__all__:
        kind = getattr(rnnedge_runtime, name)
        if isinstance(kind, type) and issubclass(kind, rnnedge_runtime.RnnEdgeError):
            again = pickle.loads(pickle.dumps(kind("what")))
            assert type(again) is kind and str(again) == "what"
