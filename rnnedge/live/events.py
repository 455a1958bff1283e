"""Scores into events: a label begins and ends, with hysteresis, debounce, hold and refractory time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rnnedge.files.numbers import is_number, number
from rnnedge.live.session import Outputs
from rnnedge_runtime.arguments import nearest
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.scores import SCORES, probabilities, scores_of_port

_KEYS = ("on", "off", "debounce", "hold", "refractory", "scores")


@dataclass(frozen=True)
class EventRule:
    """When a label begins and ends; all times are those of the frames.

    It begins when its score is `on` or more for `debounce_s`, at the first of those frames; it ends when the score is
    below `off` for `hold_s`, at the first of those. For `refractory_s` after an end it does not begin again.
    """

    on: float = 0.5
    off: float | None = None
    debounce_s: float = 0.0
    hold_s: float = 0.0
    refractory_s: float = 0.0

    def __post_init__(self) -> None:
        """Raise `InputError` for times below zero, and for `off` above `on`."""
        times = (self.debounce_s, self.hold_s, self.refractory_s)
        if not all(math.isfinite(t) and t >= 0 for t in times):
            raise InputError(f"events: expected times from 0 on, found {times}")
        if not math.isfinite(self.on) or not self.leaves <= self.on:
            raise InputError(f"events: expected off to be at most on ({self.on:g}), found {self.leaves:g}")

    @property
    def leaves(self) -> float:
        """`off`, or `on` if it is not given."""
        return self.on if self.off is None else self.off


class _LabelState:
    """Where one label stands."""

    def __init__(self, label: str, rule: EventRule) -> None:
        self.label, self.rule = label, rule
        self._active = False
        self._since: float | None = None
        self._below: float | None = None
        self._rests_until = -math.inf
        self._peak = 0.0
        self.highest = -math.inf

    def see(self, time_s: float, score: float) -> dict[str, Any] | None:
        """One frame; the event that it decides."""
        self.highest = max(self.highest, score)
        return self._see_active(time_s, score) if self._active else self._see_idle(time_s, score)

    def end(self, time_s: float) -> dict[str, Any] | None:
        """The source ended."""
        return self._ended(time_s if self._below is None else self._below) if self._active else None

    def _see_idle(self, time_s: float, score: float) -> dict[str, Any] | None:
        if score < self.rule.on or time_s < self._rests_until:
            self._since = None
            return None
        if self._since is None:
            self._since, self._peak = time_s, score
        self._peak = max(self._peak, score)
        if time_s - self._since < self.rule.debounce_s:
            return None
        self._active, self._below = True, None
        return {"event": "start", "label": self.label, "time_s": self._since, "score": self._peak}

    def _see_active(self, time_s: float, score: float) -> dict[str, Any] | None:
        self._peak = max(self._peak, score)
        if score >= self.rule.leaves:
            self._below = None
            return None
        if self._below is None:
            self._below = time_s
        return self._ended(self._below) if time_s - self._below >= self.rule.hold_s else None

    def _ended(self, time_s: float) -> dict[str, Any]:
        begun = time_s if self._since is None else self._since
        self._active, self._since, self._rests_until = False, None, time_s + self.rule.refractory_s
        lasted = {"score": self._peak, "duration_s": time_s - begun}
        return {"event": "end", "label": self.label, "time_s": time_s, **lasted}


class Detector:
    """Events of one stream, from its first output with a frame of scores; used by one thread."""

    def __init__(self, contract: Contract, rules: Mapping[str, EventRule], scores: str = "") -> None:
        """`rules` by label, or by the number of a score as text if there are no labels.

        `scores`: "raw" takes the values as they are, "softmax" and "sigmoid" make probabilities of them; "" is what the
        file says, see `rnnedge_runtime.scores`.
        Raises `InputError` for labels that the model does not have, and for a model without scores for each frame.
        """
        ports = [port for port in contract.results if port.per_frame and len(port.frame_shape) == 1]
        if not ports:
            raise InputError("events: expected a model that gives a row of scores for every frame")
        self._output, self._scores = ports[0].name, scores or scores_of_port(contract, ports[0])
        known = labels_of(contract, ports[0].frame_shape[0])
        for label in rules:
            if label not in known:
                hint = nearest(label, known)
                raise InputError(f"events: expected a label out of {', '.join(known)}, found {label!r}{hint}")
            if self._scores != "raw" and rules[label].on > 1:
                raise InputError(
                    f"events: expected on to be at most 1, as scores are probabilities, found {rules[label].on:g}"
                )
        self._states = [(known.index(label), _LabelState(label, rule)) for label, rule in rules.items()]
        self._latest_s = 0.0
        self._events = 0

    def see(self, outputs: Sequence[Outputs]) -> Iterator[dict[str, Any]]:
        """The events that these outputs decide, in their order."""
        for one in outputs:
            if one.name != self._output:
                continue
            for time_s, row in zip(one.times_s.tolist(), probabilities(one.values, self._scores), strict=True):
                self._latest_s = time_s
                for index, state in self._states:
                    if (event := state.see(time_s, float(row[index]))) is not None:
                        self._events += 1
                        yield event

    def end(self) -> Iterator[dict[str, Any]]:
        """The source ended: so do labels that have begun."""
        yield from (event for _, state in self._states if (event := state.end(self._latest_s)) is not None)

    def silence(self) -> str:
        """Why there was no event so far: the label that came nearest to its `on`; "" if there was one."""
        state = max((state for _, state in self._states), key=lambda state: state.highest - state.rule.on)
        if self._events or state.highest == -math.inf:
            return ""
        return f"no event; the nearest was {state.label!r}, up to {state.highest:.3g}, and begins at {state.rule.on:g}"


def labels_of(contract: Contract, count: int | str) -> tuple[str, ...]:
    """The labels of the scores of a frame; their numbers as text if the file has none."""
    size = int(count)
    return contract.labels if len(contract.labels) == size else tuple(map(str, range(size)))


def parse_rules(texts: Sequence[str], labels: Sequence[str]) -> tuple[dict[str, EventRule], str]:
    """Rules as the command line takes them, and what the scores are.

    Each text is `[LABEL:]key=value,...`; keys are on, off, debounce, hold and refractory (seconds), and scores. Without
    a label it holds for all of `labels`, and is what later ones for a label start from. Raises `InputError`.
    """
    rules: dict[str, EventRule] = {}
    every, scores, named = EventRule(), "", False
    for text in texts:
        label, _, fields = text.rpartition(":")
        given: dict[str, str] = {}
        for key, value in (_field(text, part) for part in fields.split(",") if part):
            if key in given:
                raise InputError(f"events: {text!r}: {key}= appears twice; leave one out")
            given[key] = value
        scores = given.pop("scores", scores)
        rule = _changed(text, rules.get(label, every), given)
        if label:
            rules[label], named = rule, True
        else:
            every = rule
    if scores and scores not in SCORES:
        raise InputError(f"events: scores: expected {', '.join(SCORES)}, found {scores!r}")
    return (rules if named else dict.fromkeys(labels, every)), scores


def _field(text: str, part: str) -> tuple[str, str]:
    key, sign, value = part.partition("=")
    if not sign or key not in _KEYS:
        hint = f"; did you mean on={part}?" if is_number(part) else nearest(key, _KEYS)
        raise InputError(
            f"events: {text!r}: expected on=, off=, debounce=, hold=, refractory= or scores=, found {part!r}{hint}"
        )
    return key, value


def _changed(text: str, rule: EventRule, given: Mapping[str, str]) -> EventRule:
    try:
        fields = {key if key in ("on", "off") else f"{key}_s": number(value) for key, value in given.items()}
    except ValueError as error:
        raise InputError(f"events: {text!r}: expected numbers ({error})") from error
    return replace(rule, **fields)
