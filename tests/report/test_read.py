"""A report of another machine is whole and of the right kinds, or it is refused in a line."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_one_test import in_one_test
from made_reports import made_report, made_run

from rnnedge.report._histograms import decode, encode
from rnnedge.report.bench_page import write_comparison, write_page
from rnnedge.report.compare import compare, remarks
from rnnedge.report.figures import markdown
from rnnedge.report.read import read_report
from rnnedge_runtime import InputError


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """A whole one, of a process."""
    found = json.loads(json.dumps(made_report(made_run(0))))
    for part in ("closed", "paced"):
        found[part] |= {"histogram": [[1.5, 2], [2.5, 1]], "timeline_us": [1.5, 2.5]}
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in it, of long lists the first."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


def changed(report: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """With another value in one place, or without it for `...`."""
    copy = json.loads(json.dumps(report))
    inside = copy
    for key in path[:-1]:
        inside = inside[key]
    if value is ...:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return copy


def test_a_whole_report_is_read(report: dict[str, Any], tmp_path: Path) -> None:
    """Also with a byte order mark, and with histograms of either kind."""
    path = tmp_path / "r.json"
    path.write_text(json.dumps(report), encoding="utf-8-sig")
    assert read_report(path) == report
    packed = changed(report, ("closed", "histogram"), encode(np.array([1.0, 2.0])))
    path.write_text(json.dumps(packed))
    assert read_report(path) == packed


@in_one_test("value", [..., None, [], {}, "x", -1, 1e300, True, [[[]]], 10**400, {"x": [1]}])
def test_damage_in_any_place_is_refused_or_harmless(value: Any, report: dict[str, Any], tmp_path: Path) -> None:
    """What is accepted can be compared and written; every other exception is a defect."""
    path = tmp_path / "r.json"
    messages: list[str] = []
    for place in places(report):
        if not place:
            continue
        path.write_text(json.dumps(changed(report, place, value)))
        try:
            found = read_report(path)
        except InputError as error:
            messages.append(str(error))
        else:
            compare(report, found)
            remarks(found, report)
            markdown(found)
    assert len(messages) > 40
    assert all(message.startswith(f"{path}: expected ") and "\n" not in message for message in messages)


@in_one_test(
    ("place", "value"),
    [
        (("closed", "histogram"), [[0, 1]]),
        (("closed", "histogram"), [[3e12, 1]]),
        (("closed", "timeline_us"), [0.0]),
        (("closed", "timeline_us"), [1e18]),
        (("closed", "timeline_us"), []),
        (("host",), {}),
    ],
)
def test_what_is_accepted_can_be_drawn(
    place: tuple[str, ...], value: Any, report: dict[str, Any], tmp_path: Path
) -> None:
    """Zeros, the largest numbers, and nothing."""
    path = tmp_path / "r.json"
    path.write_text(json.dumps(changed(report, place, value)))
    found = read_report(path)
    write_page(found, tmp_path / "page.html")
    write_comparison([report, found], ["a", "_b"], tmp_path / "page.html")


@in_one_test(
    ("text", "words"),
    [
        ("", "found no JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("[]", "expected a report rnnedge.bench"),
        ('{"schema": "rnnedge.bench", "schema_version": NaN}', "NaN"),
        ('{"schema": "rnnedge.bench", "schema_version": 1}', "measure again"),
        ('{"schema": "rnnedge.bench", "schema_version": 2}', "found none"),
        ("x" * ((1 << 24) + 1), "expected at most"),
    ],
)
def test_what_is_no_report_is_named(text: str, words: str, tmp_path: Path) -> None:
    """Deep, long, of another version, of another program."""
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(InputError, match=words):
        read_report(tmp_path / "r.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    """A pipe that nobody writes to is an error, not a hang; bytes that are no text."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe{\0}\0")
    for name, words in (
        ("pipe", "found a pipe"),
        ("bytes", "UTF-8"),
        ("none", "No such file"),
        (".", "found a directory"),
    ):
        with pytest.raises(InputError, match=words):
            read_report(tmp_path / name)


def _packed(plain: bytes, cookie: int = 0x1C849304) -> str:
    body = zlib.compress(plain, 9)
    return base64.b64encode(cookie.to_bytes(4, "big") + len(body).to_bytes(4, "big") + body).decode()


def _plain() -> bytes:
    return zlib.decompress(base64.b64decode(encode(np.array([1.0, 2.0])))[8:])


@in_one_test(
    "histogram",
    [
        "", "HISTFAAA!!", "é", "AAAA", [], [[]], [[1]], [[1, 2, 3]], [["a", 1]], [[-1, 1]], [[1, -1]], [[1, 1e11]], {},
        [[1, 1], [1]], [[1e300, 1]], [[float("nan"), 1]], None, 5, [[1, 0]], [[[1, 2]]], "zeros", "larger", "finer",
        "cut",
    ],

)  # fmt: skip
def test_a_histogram_that_is_none_is_refused(histogram: Any) -> None:
    """Before memory is taken for what it says: bombs, scales of other digits, counts beyond all pushes."""
    pytest.importorskip("hdrh")
    plain = _plain()
    assert decode(_packed(plain)).tolist() == pytest.approx([1, 2], rel=1e-3)
    if histogram == "zeros":
        histogram = _packed(plain + bytes(1 << 28))
    elif histogram == "larger":
        histogram = _packed(plain[:24] + (1 << 62).to_bytes(8, "big") + plain[32:])
    elif histogram == "finer":
        histogram = _packed(plain[:12] + (5).to_bytes(4, "big") + plain[16:])
    elif histogram == "cut":
        histogram = _packed(plain[:-3])
    with pytest.raises(InputError, match="histogram: expected"):
        decode(histogram)
