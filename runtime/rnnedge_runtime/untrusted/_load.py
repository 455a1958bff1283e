"""Open a file that nobody vouches for: as one that is known to do what it says, or after it has proved it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, NoReturn

from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import ModelRefused, ProviderError
from rnnedge_runtime.untrusted._deadline import Watch
from rnnedge_runtime.untrusted._verdicts import GUARDED, PLAIN, accept, known, verdict_of
from rnnedge_runtime.untrusted.limits import LIMITS, Limits

_REMEDY = "load it with trust='local' if you trust whoever made it"


class Apart(NamedTuple):
    """What a process of its own needs to open a file as it is opened here, and what its verdict is kept under."""

    digest: str
    providers: tuple[str, ...]
    settings: Settings


def open_untrusted(
    data: bytes,
    name: str,
    open_model: Callable[[Watch], LoadedModel],
    limits: Limits = LIMITS,
    *,
    on_device: bool = False,
    apart: Apart | None = None,
) -> LoadedModel:
    """What `open_model` makes of `data`, a sealed file, if it is within bounds and its golden sample replays.

    `on_device`: a provider other than the CPU may open it, which takes seconds to start whatever the file.
    `apart`: a process of its own opens and replays the file first, unless one has on this machine; None: it is opened
    and replayed here.
    Raises `ModelRefused`, whatever goes wrong, and `ProviderError` where the provider is not here.
    """
    watch = Watch(limits, limits.device_seconds if on_device else limits.seconds)
    verdict = verdict_of(apart.digest, apart.providers, apart.settings, limits) if apart else ""
    try:
        found = known(verdict)
        if found == PLAIN:
            return _open_again(open_model, limits, None)
        # Here, since a file that is known needs nothing of it, and starts in half the time.
        from rnnedge_runtime.untrusted._prove import look_through, prove_apart, prove_here

        watch.run(partial(look_through, data, watch))
        if apart and not found and prove_apart(data, name, apart.settings, watch):
            found = PLAIN if watch.guarded is None else GUARDED
            accept(verdict, found)
        if found:
            return _open_again(open_model, limits, watch.guarded)
        return watch.run(partial(prove_here, data, open_model, watch))
    except ProviderError:
        raise
    except ModelRefused as error:
        _refuse(type(error), name, str(error), error)
    # numpy, onnxruntime and the interpreter have a dozen types for what a file can do to them.
    except Exception as error:
        reason = str(error).strip().splitlines()
        _refuse(ModelRefused, name, reason[0] if reason else type(error).__name__, error)


def _open_again(open_model: Callable[[Watch], LoadedModel], limits: Limits, guarded: bytes | None) -> LoadedModel:
    """Open a file that has been seen to open: what takes long now is the machine."""
    patient = Watch(limits, limits.device_seconds)
    patient.guarded = guarded
    return patient.run(partial(open_model, patient))


def _refuse(kind: type[ModelRefused], name: str, reason: str, cause: Exception) -> NoReturn:
    text = reason.removeprefix(f"{name}: ")
    raise kind(f"{name}: {text}" if _REMEDY in text else f"{name}: {text}; {_REMEDY}") from cause
