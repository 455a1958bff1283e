"""Scores into events, with the times of the frames that decide them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.live import Detector, EventRule, Outputs
from rnnedge.live.events import parse_rules
from rnnedge.live.protocol import parse_address
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.scores import probabilities


def events(model: Model, rule: EventRule, scores: list[float]) -> list[tuple[str, float]]:
    """What a label with these scores does, a frame every second."""
    contract = model.contract
    label = contract.labels[1]
    detector = Detector(contract, {label: rule})
    values = np.zeros((len(scores), len(contract.labels)))
    values[:, 1] = scores
    times = np.arange(len(scores), dtype=np.float64)
    name = contract.results[0].name
    cuts = [(slice(i, i + 3)) for i in range(0, len(scores), 3)]
    found: list[dict[str, Any]] = []
    for one in cuts:
        found += detector.see([Outputs(name, np.arange(len(scores))[one], times[one], values[one])])
    found += detector.end()
    assert all(event["label"] == label for event in found)
    return [(event["event"], event["time_s"]) for event in found]


@in_one_test(
    ("rule", "scores", "expected"),
    [
        (EventRule(0.5), [0, 1, 1, 0, 0], [("start", 1), ("end", 3)]),
        (EventRule(0.8, 0.3), [0, 0.9, 0.5, 0.9, 0.5, 0.2], [("start", 1), ("end", 5)]),
        (EventRule(0.5, debounce_s=2), [1, 1, 0, 1, 1, 1, 0], [("start", 3), ("end", 6)]),
        (EventRule(0.5, hold_s=2), [1, 0, 1, 0, 0, 0, 0], [("start", 0), ("end", 3)]),
        (EventRule(0.5, refractory_s=3), [1, 0, 1, 0, 1, 0], [("start", 0), ("end", 1), ("start", 4), ("end", 5)]),
        (EventRule(0.5), [0, 1, 1], [("start", 1), ("end", 2)]),
        (EventRule(0.5), [0, 0.4], []),
    ],
)
def test_a_label_begins_and_ends(
    gru: Model, rule: EventRule, scores: list[float], expected: list[tuple[str, float]]
) -> None:
    """Hysteresis, debounce, hold, refractory time, the end of the source; by the frames' own times."""
    assert events(gru, rule, scores) == expected


def test_rules_are_read_for_all_labels_and_for_one() -> None:
    """What is said of all is where those of one start from."""
    rules, scores = parse_rules(["on=0.9,hold=1,scores=softmax"], ["a", "b"])
    assert rules == dict.fromkeys("ab", EventRule(0.9, hold_s=1)) and scores == "softmax"
    rules, _ = parse_rules(["on=0.9,hold=1", "b:on=0.5"], ["a", "b"])
    assert rules == {"b": EventRule(0.5, hold_s=1)}


@in_one_test("text", ["on", "on=x", "high=1", "on=0.3,off=0.4", "hold=-1", "scores=log", "on=nan"])
def test_a_rule_that_cannot_be_is_told(text: str) -> None:
    """In a line that says what is expected."""
    with pytest.raises(InputError, match=r"expected|could not convert"):
        parse_rules([text], ["a"])


def test_scores_become_probabilities() -> None:
    """Huge ones, too."""
    x = np.array([[0.0, 1000.0, -1000.0]])
    assert np.allclose(probabilities(x, "softmax"), [[0, 1, 0]])
    assert np.allclose(probabilities(x, "sigmoid"), [[0.5, 1, 0]])


def test_a_label_that_the_model_does_not_have_is_told(gru: Model) -> None:
    """With those that it has."""
    with pytest.raises(InputError, match="found 'none'"):
        Detector(gru.contract, {"none": EventRule()})


def test_a_begin_that_no_probability_reaches_is_told(gru: Model) -> None:
    """At once where scores are probabilities; else at the end, with the label that came nearest."""
    with pytest.raises(InputError, match="expected on to be at most 1, as scores are probabilities, found 2"):
        Detector(gru.contract, {gru.contract.labels[0]: EventRule(2)}, "sigmoid")
    near, far = gru.contract.labels[:2]
    raw = Detector(gru.contract, {near: EventRule(2), far: EventRule(90)}, "raw")
    port = next(port for port in gru.contract.results if port.per_frame)
    values = np.zeros((2, *map(int, port.frame_shape)), np.float32)
    values[1, 0] = 1.25
    assert raw.silence() == ""
    assert list(raw.see([Outputs(port.name, np.arange(2), np.arange(2.0), values)])) == []
    assert raw.silence() == f"no event; the nearest was {near!r}, up to 1.25, and begins at 2"
    list(raw.see([Outputs(port.name, np.arange(2), np.arange(2.0), values + 1)]))
    assert raw.silence() == ""


@in_one_test("text", ["on=1_0", "on=\u0663", "on=0x1", "on=", "hold=1,hold=2", "a:on=0.1,on=0.2"])
def test_a_number_of_a_rule_is_one_for_every_reader(text: str) -> None:
    """And stands there once."""
    with pytest.raises(InputError, match=r"expected numbers|appears twice"):
        parse_rules([text], ("a", "b"))
    with pytest.raises(InputError, match="baud: expected a number"):
        parse_address("serial:/dev/ttyUSB0?baud=1_0").number("baud", 9600)
