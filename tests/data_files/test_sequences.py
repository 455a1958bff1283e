"""Rows become sequences in rising time; parts share no sequence, no group, and no moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_one_test import in_one_test
from own_tables import made, write

from rnnedge.data import DataConfig, DataSchema, OwnData, SplitConfig, read_data
from rnnedge.data._recording import Recording
from rnnedge.data._split import split
from rnnedge_runtime import InputError


def read(columns: dict[str, list[Any]], folder: Path, **fields: Any) -> OwnData:
    """The columns as a CSV file, by a config of `fields`."""
    write(columns, folder / "t.csv")
    return read_data(DataConfig("t.csv", **fields), folder)


def signal(frames: int = 40) -> dict[str, list[Any]]:
    """One long sequence of two values, with times of 20 Hz."""
    n = np.arange(frames)
    return {"t": (n / 20).tolist(), "a": np.sin(n).tolist(), "b": n.tolist()}


def test_a_forecast_looks_ahead_and_no_part_sees_another(tmp_path: Path) -> None:
    """Targets are the features `horizon` frames later; the last training target stands before validation begins."""
    data = read(signal(), tmp_path, task="forecast", features=("a", "b"), horizon=3, time="t")
    everything = np.column_stack([signal()["a"], signal()["b"]]).astype(np.float32)
    starts = {"train": (0, 28), "validation": (28, 34), "test": (34, 40)}
    for name, (start, stop) in starts.items():
        part = getattr(data, name)
        np.testing.assert_array_equal(part.frames[0], everything[start : stop - 3])
        np.testing.assert_array_equal(part.targets[0], everything[start + 3 : stop])
    assert data.frame_rate_hz == 20.0 and data.schema.horizon == 3


def test_a_forecast_may_learn_other_columns(tmp_path: Path) -> None:
    """`target` chooses them; it may be a feature too."""
    data = read(signal(), tmp_path, task="forecast", features=("a", "b"), target=("b",))
    assert data.train.targets[0][:, 0].tolist() == list(range(1, 28))


def test_values_and_classes_are_learned_per_frame(tmp_path: Path) -> None:
    """(time, output) float32, or (time,) int64 numbers of the sorted labels."""
    values = read(signal(), tmp_path, task="values_per_frame", features=("a",), target=("b", "t"))
    assert values.train.targets[0].dtype == np.float32
    assert values.train.targets[0][:3].tolist() == [[0, 0], [1, np.float32(0.05)], [2, np.float32(0.1)]]
    columns = {**signal(), "c": ["10" if i % 3 else "9" for i in range(40)]}
    classes = read(columns, tmp_path, task="class_per_frame", features=("a",), target=("c",))
    assert classes.train.labels == ("9", "10")
    assert classes.train.targets[0].dtype == np.int64
    assert classes.train.targets[0][:4].tolist() == [0, 1, 1, 0]


def test_a_class_per_sequence_is_in_every_part(tmp_path: Path) -> None:
    """Shares are taken of every class; the same seed gives the same parts, another seed others."""
    columns = made(sequences=40).columns
    options: dict[str, Any] = {"task": "class_per_sequence", "target": ("label",), "sequence": "id"}
    data = read(columns, tmp_path, **options)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [28, 6, 6]
    assert [sorted(part.targets) for part in (data.validation, data.test)] == [[0, 0, 0, 1, 1, 1]] * 2
    again = read(columns, tmp_path, **options)
    other = read(columns, tmp_path, **options, split=SplitConfig(seed=1))
    assert np.array_equal(again.test.frames, data.test.frames)
    assert not np.array_equal(other.test.frames, data.test.frames)


@settings(max_examples=60)
@given(
    groups=st.lists(st.integers(0, 6), min_size=3, max_size=30).filter(lambda g: len(set(g)) >= 3),
    seed=st.integers(0, 9),
)
def test_no_group_is_in_two_parts(groups: list[int], seed: int) -> None:
    """Every sequence is in one part, with the others of its group."""
    x = np.zeros((2, 1), np.float32)
    recordings = [Recording(str(i), x, "x", f"g{group}") for i, group in enumerate(groups)]
    config = DataConfig(
        "t.csv", "class_per_sequence", target=("y",), sequence="id", group="g", split=SplitConfig(seed=seed)
    )
    parts = split(recordings, config)
    assert sorted(int(r.name) for part in parts for r in part) == list(range(len(groups)))
    found = [{r.group for r in part} for part in parts]
    assert all(found) and not (found[0] & found[1] or found[0] & found[2] or found[1] & found[2])


def test_held_out_files_are_read_as_the_first(tmp_path: Path) -> None:
    """No share is taken; a group that two files have is refused, and so are other columns."""
    for seed, name in enumerate(("train", "val", "test")):
        columns = made(seed=seed).columns
        write({**columns, "who": [f"{name}{i}" for i in columns["id"]]}, tmp_path / f"{name}.csv")
    config = DataConfig(
        "train.csv", "class_per_sequence", target=("label",), sequence="id", group="who",
        validation_path="val.csv", test_path="test.csv",
    )  # fmt: skip
    data = read_data(config, tmp_path)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [12, 12, 12]
    write({**made(seed=1).columns, "who": ["trains0"] * 60}, tmp_path / "val.csv")
    with pytest.raises(InputError, match=r"val.csv, sequence 's0': group 'trains0': expected in training only"):
        read_data(config, tmp_path)
    write({**made(seed=1, features=3).columns, "who": ["v"] * 60}, tmp_path / "val.csv")
    with pytest.raises(InputError, match=r"val.csv: expected the columns f0, f1, label .* found f0, f1, f2, label"):
        read_data(config, tmp_path)


def test_missing_numbers_are_an_error_or_dropped_or_held(tmp_path: Path) -> None:
    """By default nothing is guessed; a held value never comes from another sequence."""
    columns: dict[str, list[Any]] = {"a": [1.0, 2.0, "", 4.0, "nan"] * 10}
    options: dict[str, Any] = {"task": "forecast", "features": ("a",)}
    with pytest.raises(InputError, match=r"t.csv, row 4, column 'a': expected a finite number, found no number"):
        read(columns, tmp_path, **options)
    dropped = read(columns, tmp_path, **options, missing="drop")
    assert dropped.train.frames[0][:4, 0].tolist() == [1, 2, 4, 1]
    held = read(columns, tmp_path, **options, missing="hold")
    assert held.train.frames[0][:6, 0].tolist() == [1, 2, 2, 4, 4, 1]
    starts = {"a": ["", 2.0, 3.0] * 8, "s": np.repeat(range(8), 3).tolist()}
    with pytest.raises(InputError, match=r"row 2, column 'a': .* there is none before it to hold"):
        read(starts, tmp_path, **options, missing="hold", sequence="s")


@pytest.mark.parametrize(
    ("times", "unit", "rate"),
    [
        ([i / 100 for i in range(40)], "s", 100.0),
        ([round(i * 1000 / 60) for i in range(40)], "ms", 60.0),
        ([i**2 for i in range(40)], "s", None),
        ([f"2026-01-01T00:00:{i:02d}.5Z" for i in range(40)], "iso", 1.0),
    ],
)
def test_the_frame_rate_comes_from_regular_times(
    times: list[Any], unit: str, rate: float | None, tmp_path: Path
) -> None:
    """Rounded clocks are regular; a growing step is not, and has no rate."""
    data = read({**signal(), "t": times}, tmp_path, task="forecast", features=("a",), time="t", time_unit=unit)
    assert data.frame_rate_hz == (rate if rate is None else pytest.approx(rate, rel=1e-2))


@pytest.mark.parametrize(
    ("change", "fields", "words"),
    [
        (
            {7: 0.3},
            {},
            r"t.csv, row 9, column 't': expected a later time than 0.3 \(row 8, column 't'\), found 0.3; sort",
        ),
        ({3: ""}, {}, "row 5, column 't': expected a time, found no number"),
        ({3: "2026-02-30"}, {"time_unit": "iso"}, "row 2, column 't': expected a date as .* found '0.0'; write it so"),
        ({}, {"frame_rate_hz": 50.0}, r"expected 50 frames per second \(frame_rate_hz\), found 20; is time_unit = 's'"),
    ],
)
def test_a_wrong_time_is_named(change: dict[int, Any], fields: dict[str, Any], words: str, tmp_path: Path) -> None:
    """Times that do not rise, are missing, are no dates, or contradict the rate that is given."""
    columns = signal()
    for row, value in change.items():
        columns["t"][row] = value
    with pytest.raises(InputError, match=words):
        read(columns, tmp_path, task="forecast", features=("a",), time="t", **fields)


_PER_SEQUENCE: dict[str, Any] = {"task": "class_per_sequence", "target": ("label",), "sequence": "id"}


@pytest.mark.parametrize(
    ("columns", "fields", "words"),
    [
        ({"label": ["a"] * 60}, _PER_SEQUENCE, "t.csv: expected at least two classes, found only 'a'"),
        ({"label": ["a"] * 55 + ["c"] * 5}, _PER_SEQUENCE,
         r"class 'c': expected in training and in a held-out part, found in training only \(1 sequence\)"),
        ({"label": ["a"] * 3 + ["b"] * 57}, _PER_SEQUENCE,
         r"row 5, column 'label': expected 'a' as in the sequence's first row \(row 2, column 'label'\), found 'b'"),
        ({}, {**_PER_SEQUENCE, "sequence": "", "features": ("f0",)}, "found 'b'; name the column of sequence ids"),
        ({}, {"task": "forecast", "sequence": "id", "features": ("f0",), "horizon": 5},
         r"t.csv, sequence 's\d+': expected more than 5 frames \(the horizon\), found 5"),
        ({}, {"task": "forecast", "features": ("f0",), "horizon": 9},
         "t.csv: expected more than 9 frames in each of training, validation, test, found 60 in all"),
        ({"id": ["s"] * 30 + ["r"] * 30}, {**_PER_SEQUENCE, "task": "class_per_frame"},
         "expected at least one sequence in each of training, validation, test, found 2 in all"),
        ({}, {**_PER_SEQUENCE, "units": {"f00": "m"}}, "expected a column 'f00', found none .* did you mean 'f0'"),
        ({}, {**_PER_SEQUENCE, "target": ("lable",)}, "expected a column 'lable', .* did you mean 'label'"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_learned_from_is_named(
    columns: dict[str, list[Any]], fields: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """Classes that are missing somewhere, sequences too short, columns that are not there."""
    with pytest.raises(InputError, match=words):
        read({**made().columns, **columns}, tmp_path, **fields)


def test_a_sequence_too_short_for_the_network_is_named(tmp_path: Path) -> None:
    """A front end needs some frames for its first."""
    write(made().columns, tmp_path / "t.csv")
    with pytest.raises(InputError, match=r"sequence 's\d+': expected at least 6 frames .* found 5; leave it out"):
        read_data(DataConfig("t.csv", **_PER_SEQUENCE), tmp_path, least_frames=6)


@in_one_test(
    ("fields", "words"),
    [
        ({"task": "classify"}, "task: expected one of class_per_sequence, .* found 'classify'"),
        ({"format": "xls"}, "format: expected one of csv, parquet, npz, wav, found 'xls'"),
        ({"horizon": 0}, "horizon: expected at least 1 frame, found 0"),
        ({"features": ("a", "t"), "time": "t"}, "column 't' has two roles"),
        ({"target": ()}, "target: expected one column of classes for class_per_frame, found 0"),
        ({"task": "values_per_frame", "target": ()}, "target: expected at least one column of values"),
        ({"delimiter": ",", "decimal": ","}, "delimiter: expected another sign than in numbers, found ',' for both"),
        ({"decimal": "'"}, "decimal: expected"),
        ({"test_path": "t.csv"}, "validation_path, test_path: expected both or none"),
        ({"split": SplitConfig(by="group")}, "split.by: expected a group column"),
        ({"group_pattern": "("}, "group_pattern: expected a regular expression"),
    ],
)
def test_a_config_that_contradicts_itself_is_named(fields: dict[str, Any], words: str) -> None:
    """By its field."""
    with pytest.raises(ValueError, match=words):
        DataConfig(**{"path": "t.csv", "task": "class_per_frame", "target": ("y",), **fields})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"validation": 0.0}, "validation: expected a share between 0 and 1, found 0"),
        ({"validation": 0.5, "test": 0.5}, r"expected shares that leave some for training, found 0.5 \+ 0.5"),
        ({"by": "day"}, "by: expected one of sequence, group, time, found 'day'"),
    ],
)
def test_shares_leave_some_for_training(fields: dict[str, Any], words: str) -> None:
    """And every part gets some."""
    with pytest.raises(ValueError, match=words):
        SplitConfig(**fields)


@pytest.mark.parametrize("extra", [{"horizn": 3}, {"split": {"sed": 1}}])
def test_a_key_that_does_not_exist_is_refused(extra: dict[str, Any]) -> None:
    """In the table and in the one within it, where a config is read from a file."""
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(DataConfig)
    good = {"path": "t.csv", "task": "forecast"}
    assert adapter.validate_python(good) == DataConfig("t.csv", "forecast")
    with pytest.raises(pydantic.ValidationError, match="Unexpected keyword argument"):
        adapter.validate_python({**good, **extra})


def test_the_schema_is_kept(tmp_path: Path) -> None:
    """Columns in the order of inputs and outputs, units, rate, classes and counts; through JSON and back."""
    columns = {**made(sequences=20).columns, "t": [i % 5 / 50 for i in range(100)]}
    data = read(columns, tmp_path, **_PER_SEQUENCE, time="t", units={"f1": "m/s2"})
    schema = data.schema
    assert [(c.name, c.role, c.unit) for c in schema.columns] == [
        ("f0", "feature", ""), ("f1", "feature", "m/s2"), ("label", "target", ""),
    ]  # fmt: skip
    assert (schema.labels, schema.frame_rate_hz, schema.source) == (("a", "b"), 50.0, "t.csv")
    assert schema.parts["training"].classes == {"a": 6, "b": 6} and schema.parts["training"].frames == 60
    assert DataSchema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
    assert schema.summary() == (
        "t.csv: training 12 sequences, 60 frames; validation 4 sequences, 20 frames; test 4 sequences, 20 frames; "
        "50 frames a second; classes in training: a 6, b 6"
    )
    assert schema.provenance()["features"] == '["f0", "f1 [m/s2]"]'
