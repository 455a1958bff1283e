"""Fit the log-mel front end of a recipe to the recordings: check their rate and channels, take their statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rnnedge.audio._log_mel import LogMel
from rnnedge.files.config_tables import config_from
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError


def log_mel_of(network: Mapping[str, Any], place: str) -> LogMel | None:
    """The log-mel front end that a table [network] begins with, None if there is none.

    Raises `InputError`, beginning with `place`, for a table that is wrong.
    """
    fronts = network.get("front_end", ())
    if not isinstance(fronts, (list, tuple)) or not fronts or not isinstance(fronts[0], Mapping):
        return None
    return config_from(LogMel, fronts[0], f"{place}.front_end.0") if fronts[0].get("kind") == "log_mel" else None


def fitted_front_end(
    network: Mapping[str, Any], front: LogMel, recordings: Sequence[Array], rate_hz: float | None, place: str
) -> list[Any]:
    """The tables of the front ends of `network`; `front`, the first, gets the statistics of `recordings`.

    `recordings`: float32 (samples, channels) each, `rate_hz` samples per second. They are not changed. Raises
    `InputError` if they have another rate than `front`, more than one channel, or are too short.
    """
    features = recordings[0].shape[1]
    if features != 1:
        raise InputError(f"{place}.front_end.0: expected audio of one channel, found {features} features; mix it down")
    if rate_hz not in (None, front.sample_rate_hz):
        raise InputError(
            f"{place}.front_end.0.sample_rate_hz: expected {rate_hz:g}, as the data have, found {front.sample_rate_hz}"
        )
    try:
        first = front if front.mean else front.fitted(recordings)
    except ValueError as error:
        raise InputError(f"{place}.front_end.0: {error}") from error
    return [asdict(first), *network["front_end"][1:]]
