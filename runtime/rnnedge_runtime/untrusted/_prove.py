"""A file that is not known yet shows that it is within bounds and gives what its golden sample says."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime.engines._providers import NATIVE
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import ModelRefused, ProviderError
from rnnedge_runtime.golden import replay_golden
from rnnedge_runtime.golden_dependence import SHOWS_NOTHING, depends_on_frames
from rnnedge_runtime.untrusted._contexts import check_contexts
from rnnedge_runtime.untrusted._deadline import Watch, WatchedEngine
from rnnedge_runtime.untrusted._first_opening import NoChild, open_in_child
from rnnedge_runtime.untrusted.contract_limits import check_promises
from rnnedge_runtime.untrusted.policy import check_policy

if TYPE_CHECKING:
    from rnnedge_runtime.engines._ort import OrtEngine, OrtStop


def look_through(data: bytes, watch: Watch) -> None:
    """Refuse what the policy refuses, and take note of what is to be opened in place of the file, if anything is."""
    found = check_policy(data, watch.limits)
    watch.guarded = None if found == data else found


def prove_apart(data: bytes, name: str, settings: Settings, watch: Watch) -> bool:
    """Let a process of its own open and replay a sealed file; False, with a warning, where none can be started.

    Raises `ModelRefused` and `ProviderError` as that does.
    """
    try:
        open_in_child(data, name, settings, watch.limits, watch.seconds)
    except NoChild as error:
        warnings.warn(
            f"{name}: an untrusted file is first opened in this process, since no other one can be started "
            f"({error}); one over which onnxruntime crashes ends it",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


def prove_here(data: bytes, open_model: Callable[[Watch], LoadedModel], watch: Watch) -> LoadedModel:
    """What `open_model` makes of `data`, a file that was looked through, opened and replayed in this process."""
    model = open_model(watch)
    check_promises(model.contract, watch.limits)
    check_contexts(model.contract, data, watch.limits)
    _check_replay(model, watch)
    return model


def _check_replay(model: LoadedModel, watch: Watch) -> None:
    """Stream the golden sample as a whole and frame by frame, and compare with what the file says that it gives."""
    if model.engine.provider == NATIVE:
        # A native library has replayed it when it was opened.
        return
    engine = WatchedEngine(cast("OrtEngine", model.engine), cast("OrtStop", watch.stop))
    watched = LoadedModel(model.name, model.digest, model.contract, engine)
    try:
        report = replay_golden(watched)
    except ProviderError as error:
        # The provider is here; what failed is this graph.
        raise ModelRefused(f"golden sample: {error}") from error
    # A stream may owe nothing for so short a sample: then it shows that the file runs, and no more.
    if report.values and not report.passed:
        raise ModelRefused(f"golden sample: {report.failure}")
    if not depends_on_frames(watched):
        raise ModelRefused(f"golden sample: {SHOWS_NOTHING}")
