"""Packets out of text, of a line or a message: rows as in files, or JSON with the number and the time of its frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rnnedge.frames._columns import feature_names
from rnnedge.frames._rows import Rows
from rnnedge.live.protocol import Packet
from rnnedge.live.protocol.records import FrameFormat, frame_number, frame_time, parse_json
from rnnedge_runtime.contract import Contract


class Texts:
    """Reads the texts of one source as `rnnedge.frames._rows` reads those of a file."""

    def __init__(self, contract: Contract, decimal: str = ".", clock: Callable[[], float] = time.time) -> None:
        """Raises `InputError` for a model with several inputs."""
        self._form, self._rows, self._clock = FrameFormat(contract), Rows(contract, decimal), clock
        self._features = feature_names(contract)

    def packet(self, text: str, place: str, first: int) -> Packet | None:
        """None for a header; frames without a number begin at `first`, those without a time came now.

        A JSON object is `{"first": 12, "time_s": 0.5, "frames": [[...], ...]}`, or a frame with the model's features by
        name, next to which `first` and `time_s` may be. Raises `InputError`.
        """
        plain, now, given = text.strip(), self._clock(), {}
        if plain.startswith("{"):
            given = parse_json(plain, place)
            if "frames" in given and "frames" not in self._features:
                return self._form.from_json(given, place, first, now)
        lines = [plain] if plain.startswith(("[", "{")) else filter(str.strip, plain.splitlines())
        numbers = [row for line in lines for row in self._rows.numbers(line.strip(), place)]
        return self._packet(numbers, given, place, first, now) if numbers else None

    def _packet(
        self, numbers: list[list[float]], given: Mapping[str, Any], place: str, first: int, now: float
    ) -> Packet:
        said = {key: value for key, value in given.items() if key not in self._features}
        number, time_s = said.get("first", first), said.get("time_s", now)
        return Packet(self._rows.array(numbers), frame_number(number, place), frame_time(time_s, place))
