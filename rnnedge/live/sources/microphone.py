"""`mic:`, `mic:NAME?rate=48000`: a microphone, or another input of sound."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import numpy as np

from rnnedge.live.protocol import Address, Packet
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError, MissingExtra


class Microphone:
    """One input of sound, one channel; made by `open_source`.

    The callback of the sound card copies and returns. Where the card says that it lost samples, their number comes from
    its own clock.
    """

    live = True

    def __init__(self, address: Address, contract: Contract, tell: Callable[[str], None]) -> None:
        """Raises `InputError` for an input that there is none of, `MissingExtra` without sounddevice or PortAudio."""
        address.only("rate", "block")
        self.name, self._tell = address.text, tell
        sound = _sounddevice(address.text)
        device = int(address.path) if address.path.isdigit() else address.path or None
        self._came: SimpleQueue[tuple[bytes, float, bool] | None] = SimpleQueue()
        try:
            found = sound.query_devices(device, "input")
            self.samples_hz = address.number("rate", float(found["default_samplerate"]), 1)
            self._stream = sound.RawInputStream(
                self.samples_hz, int(address.number("block", 0)), device, 1, "float32", callback=self._hear
            )
            self._stream.start()
        except (sound.PortAudioError, ValueError, OSError) as error:
            raise InputError(f"{self.name}: no input of sound can be opened ({error})") from error
        # The card's clock begins anywhere.
        self._offset_s = time.time() - self._stream.time

    def packets(self) -> Iterator[Packet]:
        """Blocks of samples, as the sound card gives them, until it is closed."""
        expected, begun_s = 0, 0.0
        while (heard := self._came.get()) is not None:
            data, taken_s, overflow = heard
            samples = np.frombuffer(data, np.float32)
            if not expected:
                begun_s = taken_s
            if overflow:
                lost = max(round((taken_s - begun_s) * self.samples_hz) - expected, 1)
                self._tell(f"{self.name}: the sound card lost about {lost} samples")
                expected += lost
            yield Packet(samples, expected, taken_s + self._offset_s)
            expected += len(samples)

    def close(self) -> None:
        """Ends `packets` too."""
        self._stream.close()
        self._came.put(None)

    def _hear(self, data: Any, frames: int, clock: Any, status: Any) -> None:
        self._came.put((bytes(data), float(clock.inputBufferAdcTime), bool(status.input_overflow)))


def _sounddevice(name: str) -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise MissingExtra(f"{name}: needs sounddevice; pip install 'rnnedge[live]'") from error
    except OSError as error:
        raise MissingExtra(f"{name}: needs the library PortAudio; apt-get install libportaudio2") from error
    return sounddevice
