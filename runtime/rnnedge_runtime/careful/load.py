"""Open a file that nobody vouches for, and prove that it does what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, cast

from rnnedge_runtime.careful.limits import LIMITS, Limits
from rnnedge_runtime.careful.policy import check_policy
from rnnedge_runtime.careful.promises import check_promises
from rnnedge_runtime.careful.watch import Watch, WatchedEngine
from rnnedge_runtime.engines.providers import NATIVE
from rnnedge_runtime.errors import ModelRefused, ProviderError
from rnnedge_runtime.golden import replay
from rnnedge_runtime.loaded import Loaded
from rnnedge_runtime.model import Model

if TYPE_CHECKING:
    from rnnedge_runtime.engines.ort import OrtEngine, OrtStop

_REMEDY = "load it with trust='local' if you trust whoever made it"


def load_carefully(
    data: bytes,
    name: str,
    open_model: Callable[[Watch], Model],
    limits: Limits = LIMITS,
    *,
    on_device: bool = False,
) -> Model:
    """What `open_model` makes of `data`, a sealed file, if it is within bounds and its golden sample replays.

    `on_device`: a provider other than the CPU may open it, which takes seconds to start whatever the file.
    Raises `ModelRefused`, whatever goes wrong, and `ProviderError` where the provider is not here.
    """
    watch = Watch(limits, limits.device_seconds if on_device else limits.seconds)

    def work() -> Model:
        watch.guarded = check_policy(data, limits)
        model = open_model(watch)
        check_promises(model.contract, limits)
        _check_replay(model, watch)
        return model

    try:
        return watch.run(work)
    except ProviderError:
        raise
    except ModelRefused as error:
        _refuse(type(error), name, str(error), error)
    # numpy, onnxruntime and the interpreter have a dozen types for what a file can do to them.
    except Exception as error:
        reason = str(error).strip().splitlines()
        _refuse(ModelRefused, name, reason[0] if reason else type(error).__name__, error)


def _refuse(kind: type[ModelRefused], name: str, reason: str, cause: Exception) -> NoReturn:
    text = reason.removeprefix(f"{name}: ")
    raise kind(f"{name}: {text}" if _REMEDY in text else f"{name}: {text}; {_REMEDY}") from cause


def _check_replay(model: Model, watch: Watch) -> None:
    """Stream the golden sample as a whole and frame by frame, and compare with what the file says that it gives."""
    if model.provider == NATIVE:
        # A native library has replayed it when it was opened.
        return
    engine = WatchedEngine(cast("OrtEngine", model.engine), cast("OrtStop", watch.stop))
    watched = Model(Loaded(model.name, model.digest, model.contract, engine))
    try:
        report = replay(watched)
    except ProviderError as error:
        # The provider is here; what failed is this graph.
        raise ModelRefused(f"golden sample: {error}") from error
    # A stream may owe nothing for so short a sample: then it shows that the file runs, and no more.
    if report.values and not report.passed:
        raise ModelRefused(f"golden sample: {report.failure}")
