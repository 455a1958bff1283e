"""How frames are read, as a user says it."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge.files.numbers import DECIMALS
from rnnedge.files.samples import Encoding, encoding
from rnnedge_runtime.errors import InputError


@dataclass(frozen=True)
class ReadOptions:
    """How frames are read.

    Of sound: `raw`, what samples without a header are, `s16le` and others of `rnnedge.files.samples.RAW`, with rate and
    channels where they are not the model's, `s16le:48000:2`; "" for files and WAV. `channel`: "mix" for the mean of
    several channels, or the number of one, from 1; "" refuses more channels than the model takes. `resample`: to the
    model's rate, by soxr.
    Of text: `decimal`, the sign in its numbers, a point or a comma; cells are then between semicolons, tabs or spaces.
    """

    raw: str = ""
    channel: str = ""
    resample: bool = False
    decimal: str = "."

    def __post_init__(self) -> None:
        """Raise `InputError` for an option that is none."""
        if self.decimal not in DECIMALS:
            raise InputError(f"decimal: expected one of {' '.join(DECIMALS)}, found {self.decimal!r}")
        if self.raw:
            raw_form(self.raw)
        if self.channel and self.channel != "mix" and not (self.channel.isdecimal() and int(self.channel)):
            raise InputError(f"channel: expected mix, or a number from 1, found {self.channel!r}")


def raw_form(text: str) -> tuple[Encoding, int | None, int]:
    """Encoding, rate (None: the model's) and channels of `s16le:48000:2`; raises `InputError` for anything else."""
    kind, *numbers = text.split(":")
    if len(numbers) > 2 or not all(number.isdecimal() and int(number) for number in numbers):
        raise InputError(f"raw samples: expected ENCODING:RATE:CHANNELS, such as s16le:48000:2, found {text!r}")
    rate, channels, *_ = [*map(int, numbers), *(0, 0)]
    return encoding(kind), rate or None, channels or 1
