"""Look at versions, engines, the processor, compilers and folders, and stream a small file; nothing is installed."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

# Of the features of processors, those that a matrix product is faster with.
_FEATURES = (
    "avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8", "amx_bf16",
    "neon", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "rvv", "v",
)  # fmt: skip
# Whose distribution has another name than the package.
_DISTRIBUTIONS = {
    "pywt": "PyWavelets", "sklearn": "scikit-learn", "paho": "paho-mqtt", "serial": "pyserial", "hdrh": "hdrhistogram",
}  # fmt: skip
_COMPILERS = ("cc", "gcc", "clang")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `ok` is False if something is missing or wrong, `remedy` says what to do then."""

    kind: str
    name: str
    found: str
    ok: bool = True
    remedy: str = ""


def examine(extras: Mapping[str, str]) -> Iterator[Finding]:
    """Everything, as it is found out; `extras`: the extra that brings each package, by import name."""
    yield Finding("versions", "rnnedge", _version("rnnedge") or "not installed, run from its source")
    yield Finding("versions", "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("versions", "numpy", _version("numpy") or "missing")
    yield from _packages(extras)
    yield from _microphone()
    yield from _processor()
    yield from _compilers()
    yield from _folders()
    yield from _self_test()


def _packages(extras: Mapping[str, str]) -> Iterator[Finding]:
    for name, extra in extras.items():
        if name == "tomli" and sys.version_info >= (3, 11):
            continue
        there = find_spec(name) is not None
        found = (_version(name) or "installed") if there else f"not installed (extra {extra})"
        yield Finding("packages", name, found, there, "" if there else f"pip install 'rnnedge[{extra}]'")


def _microphone() -> Iterator[Finding]:
    """The library behind sounddevice, which pip does not bring to Linux.

    It is asked itself: to import sounddevice starts the sound of the machine, which makes a folder in the user's home.
    """
    if find_spec("sounddevice") is None or sys.platform != "linux":
        return
    try:
        version_text = ctypes.CDLL("libportaudio.so.2").Pa_GetVersionText
        version_text.restype = ctypes.c_char_p
        yield Finding("packages", "PortAudio", version_text().decode())
    except OSError:
        remedy = "apt-get install libportaudio2, or as your system calls it, for rnnedge run NAME.onnx mic:"
        yield Finding("packages", "PortAudio", "not installed (for mic:)", False, remedy)


def _version(name: str) -> str | None:
    for candidate in (_DISTRIBUTIONS.get(name, name), name.replace("_", "-")):
        try:
            return version(candidate)
        except PackageNotFoundError:
            continue
    return None


def _processor(root: Path = Path("/")) -> Iterator[Finding]:
    try:
        lines = (root / "proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    fields = {key.strip().lower(): value for key, _, value in (line.partition(":") for line in lines)}
    words = set(fields.get("flags", fields.get("features", fields.get("isa", ""))).lower().split())
    name = fields.get("model name", platform.processor() or platform.machine()).strip()
    yield Finding("processor", "name", name)
    yield Finding("processor", "features", ", ".join(f for f in _FEATURES if f in words) or "unknown")
    yield Finding("processor", "cores", str(os.cpu_count()))


def _compilers() -> Iterator[Finding]:
    asked = os.environ.get("CC", "")
    found = next((path for name in (asked, *_COMPILERS) if name and (path := shutil.which(name.split()[0]))), None)
    remedy = "install gcc or clang, or pip install 'rnnedge[native]', for rnnedge compile and --provider native"
    zig = find_spec("ziglang") is not None
    yield Finding("compiler", "C, for this machine", found or ("zig" if zig else "none"), bool(found or zig),
                  "" if found or zig else remedy)  # fmt: skip
    yield Finding("compiler", "C, for other machines", "zig" if zig else "none", zig,
                  "" if zig else "pip install 'rnnedge[native]'")  # fmt: skip


def _folders() -> Iterator[Finding]:
    from rnnedge_runtime.user_folders import cache_folder, state_folder

    for name, folder in (("cache", cache_folder), ("state", state_folder)):
        try:
            path = folder()
        except RuntimeError as error:
            yield Finding("folders", name, str(error), False, f"set XDG_{name.upper()}_HOME to a folder of your own")
            continue
        above = path
        while not os.path.lexists(above):
            above = str(Path(above).parent)
        writable = os.access(above, os.W_OK)
        remedy = "" if writable else f"make it writable, or set XDG_{name.upper()}_HOME to another folder"
        yield Finding("folders", name, path + ("" if writable else " (not writable)"), writable, remedy)


def _self_test() -> Iterator[Finding]:
    """Stream the golden sample of a small file on onnxruntime."""
    try:
        from rnnedge_runtime.engines.onnx_runtime import onnxruntime
    except ImportError as error:
        yield Finding("self-test", "stream a small file", f"not done ({error})", False, "pip install 'rnnedge[cpu]'")
        return
    from rnnedge.doctor._self_test import stream_small_file
    from rnnedge_runtime.errors import RnnEdgeError

    yield Finding("engines", "onnxruntime", ", ".join(onnxruntime.get_available_providers()))
    try:
        yield Finding("self-test", "stream a small file", stream_small_file())
    except RnnEdgeError as error:
        yield Finding("self-test", "stream a small file", str(error), False, "report it, with this page")
