"""What coded sound says of its length is bounded before anything is decoded, and missed if it does not come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnedge.data._sound_folder import read_wav
from rnnedge.files import sound_promises
from rnnedge.frames import read_frames
from rnnedge_runtime import Contract, InputError, Port

soundfile = pytest.importorskip("soundfile")
RATE, SAMPLES = 16000, 16000
PORT = Port("x", "float32", ("batch", "time", 1), 0, 1)
CONTRACT = Contract((PORT,), (PORT,), (), form="native", opset=20, frame_rate_hz=RATE)
NOISE = (np.random.default_rng(0).standard_normal(SAMPLES) * 0.1).astype(np.float32)


def _written(path: Path, samples: np.ndarray = NOISE) -> Path:
    soundfile.write(path, samples, RATE)
    return path


def _promising(path: Path, samples: int) -> Path:
    """A FLAC file whose first block says another number of samples: the last 36 bits of these eight bytes."""
    data = bytearray(_written(path).read_bytes())
    place = data.index(b"fLaC") + 18
    said = int.from_bytes(data[place : place + 8], "big") >> 36 << 36 | samples
    data[place : place + 8] = said.to_bytes(8, "big")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("samples", [1 << 30, (1 << 36) - 1])
def test_a_header_that_promises_too_much_takes_no_memory(samples: int, tmp_path: Path) -> None:
    """4 GiB and 256 GiB, in a file of 27 kB."""
    with pytest.raises(InputError, match=r"expected at most 256 MiB of samples in a file of [\d,]+ bytes, found"):
        read_wav(_promising(tmp_path / "x.flac", samples))


def test_a_length_that_is_not_known_is_told(tmp_path: Path) -> None:
    """As an encoder leaves it that writes into a pipe."""
    with pytest.raises(InputError, match="does not say how many samples it holds; convert it to WAV"):
        read_wav(_promising(tmp_path / "x.flac", 0))


def test_silence_of_a_gigabyte_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a thousandth of that as FLAC; sound is taken, however long."""
    monkeypatch.setattr(sound_promises, "_ALWAYS_TAKEN", 1 << 20)
    with pytest.raises(InputError, match="expected at most 1 MiB"):
        read_wav(_written(tmp_path / "silence.flac", np.zeros(1 << 20, np.float32)))
    monkeypatch.setattr(sound_promises, "_ALWAYS_TAKEN", 1)
    for ending in ("flac", "ogg", "mp3"):
        assert len(read_wav(_written(tmp_path / f"x.{ending}"))[0]) == SAMPLES


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_half_an_mp3_file_is_refused(share: float, tmp_path: Path) -> None:
    """It decodes without an error: only the count in its first frame tells."""
    path = _written(tmp_path / "x.mp3")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"cut short: expected 16,000 samples, found [\d,]+; copy it again"):
        read_wav(path)
    with pytest.raises(InputError, match="cut short: expected 16,000 samples"):
        list(read_frames(str(path), CONTRACT))


def test_an_ogg_file_without_its_end_is_told(tmp_path: Path) -> None:
    """Its last page says that it is the last one; a file that ends within a page is refused."""
    path = _written(tmp_path / "x.ogg", np.tile(NOISE, 10))
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"OggS")])
    for read in (lambda: read_wav(path), lambda: list(read_frames(str(path), CONTRACT))):
        with pytest.warns(UserWarning, match=r"x.ogg: has no page that ends it; it may be cut short"):
            read()
    path.write_bytes(data[:-1])
    with pytest.raises(InputError, match="cut short: its last page is not whole"):
        read_wav(path)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
def test_an_mp3_file_that_does_not_count_is_taken(mode: str, tmp_path: Path) -> None:
    """Its length is guessed from its bytes, four times too long here; also behind notes that are long."""
    path = tmp_path / "x.mp3"
    loud = np.concatenate([np.zeros(160_000, np.float32), np.tile(NOISE, 2), np.zeros(160_000, np.float32)])
    with soundfile.SoundFile(path, "w", RATE, 1, format="MP3", bitrate_mode=mode) as file:
        file.write(loud)
    assert len(read_wav(path)[0]) == len(loud)
    data = path.read_bytes()
    tag = max(data.find(b"Xing"), data.find(b"Info"))
    first = data.index(b"\xff")
    bare = data[data.index(data[first : first + 2], tag) :]
    path.write_bytes(bare)
    found = len(read_wav(path)[0])
    assert len(loud) <= found < len(loud) + 3000
    path.write_bytes(b"ID3\x04\0\0\0\0\x08\0" + b"Info".ljust(1024, b"\0") + bare)
    assert len(read_wav(path)[0]) == found


@pytest.mark.parametrize("data", [b"\xff\xfb\x90\x00" + b"\xff" * 500, b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f"])
def test_an_mp3_file_without_a_frame_is_not_called_missing(data: bytes, tmp_path: Path) -> None:
    """libsndfile says of it that the file does not exist."""
    (tmp_path / "x.mp3").write_bytes(data)
    with pytest.raises(InputError, match=r"x\.mp3: not sound that can be read \(no frame of sound is found in it\)"):
        list(read_frames(str(tmp_path / "x.mp3"), CONTRACT))
    with pytest.raises(InputError, match=r"x\.mp3: .* \(no frame of sound is found in it\)"):
        read_wav(tmp_path / "x.mp3")
