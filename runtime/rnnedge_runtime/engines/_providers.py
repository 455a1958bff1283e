"""Execution providers by name: "native", and onnxruntime's own, in lower case and without "ExecutionProvider".

Nothing here imports onnxruntime before one of its providers is asked for: a device that runs native libraries has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rnnedge_runtime.arguments import nearest
from rnnedge_runtime.errors import ProviderError

NATIVE = "native"
_SUFFIX = "ExecutionProvider"
# TensorRT builds its engines for minutes, others change numbers: those are only taken when they are named.
_AUTO = ("cuda", "cpu")
# What other tools call it.
_MEANT = {"gpu": "cuda", "nvidia": "cuda", "trt": "tensorrt", "onnxruntime": "cpu", "ort": "cpu", "c": "native"}
# Stands in the list of every installation, and sends frames to a service on the net.
_REMOTE = "azure"


def available_providers() -> tuple[str, ...]:
    """The providers that can be asked for by name: those of this onnxruntime in its order, and then "native"."""
    try:
        return (*_names(_onnxruntime().get_available_providers()), NATIVE)
    except ProviderError:
        return (NATIVE,)


def known_providers() -> tuple[str, ...]:
    """The providers of any onnxruntime, whether they are here or not; none without onnxruntime."""
    try:
        return _names(_onnxruntime().get_all_providers())
    except ProviderError:
        return ()


def choose_providers(asked: str | Sequence[str]) -> tuple[str, ...]:
    """`asked` as single names: "cuda,cpu" are two, "auto" are those of CUDA and CPU that are installed.

    Raises `ProviderError` for a name that nobody knows.
    """
    names = tuple(name.strip() for name in (asked.split(",") if isinstance(asked, str) else asked))
    if set(names) == {NATIVE}:
        return (NATIVE,)
    known = (*_names(_onnxruntime().get_all_providers()), NATIVE)
    for name in names:
        if name not in (*known, "auto"):
            plain = name.lower().removesuffix("executionprovider")
            meant = _MEANT.get(plain, plain if plain in known else "")
            hint = f"; did you mean {meant}?" if meant else nearest(name, known)
            raise ProviderError(f"provider {name!r}: expected auto or one of {', '.join(sorted(known))}{hint}")
    if not names:
        raise ProviderError("provider: expected at least one, found none")
    here = available_providers()
    auto = [name for name in _AUTO if name in here]
    return tuple(dict.fromkeys(one for name in names for one in (auto if name == "auto" else [name])))


def check_options(options: Mapping[str, Mapping[str, str]], names: Sequence[str]) -> None:
    """Raise `ProviderError` for options of a provider that is none of `names`."""
    for name in options:
        if name not in names:
            raise ProviderError(f"options of provider {name!r}: expected those of {', '.join(names)}")


def session_providers(name: str, options: Mapping[str, Mapping[str, str]]) -> list[str | tuple[str, dict[str, str]]]:
    """What an onnxruntime session is asked for; nodes that TensorRT cannot take run on CUDA, the rest on the CPU.

    Raises `ProviderError` where the provider is not in this installation.
    """
    available = _onnxruntime().get_available_providers()
    present = {full.removesuffix(_SUFFIX).lower(): full for full in available}
    if name not in present:
        raise ProviderError(
            f"provider {name!r}: not in this onnxruntime (it has {', '.join(_names(available))}); "
            "install 'rnnedge[gpu]' on a machine with that device, or use provider='cpu'"
        )
    names = [name, *(["cuda"] if name == "tensorrt" and "cuda" in present else [])]
    return [(present[n], dict(options[n])) if options.get(n) else present[n] for n in names]


def _onnxruntime() -> Any:
    try:
        from rnnedge_runtime.engines.onnx_runtime import onnxruntime
    except ImportError as error:
        found = f"cannot be loaded here ({str(error).splitlines()[0]})"
        if isinstance(error, ModuleNotFoundError):
            found = "not installed here"
        raise ProviderError(
            f"onnxruntime: {found}, and every provider but 'native' needs it; install 'rnnedge[cpu]', "
            "or use provider='native'"
        ) from error
    return onnxruntime


def _names(full: Sequence[str]) -> tuple[str, ...]:
    names = (name.removesuffix(_SUFFIX).lower() for name in full)
    return tuple(name for name in names if name != _REMOTE)
