"""The default engine: one onnxruntime session."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state

from rnnedge_runtime.contract import TensorInfo
from rnnedge_runtime.engines import Buffers, Stop
from rnnedge_runtime.engines.file_options import options_of_files_ignored
from rnnedge_runtime.engines.forked import keep_for_ever, leave_without_clean_up
from rnnedge_runtime.errors import ModelRefused, ProviderError
from rnnedge_runtime.ownership import forked_away, refuse_in_child

if TYPE_CHECKING:
    from rnnedge_runtime.careful.watch import Watch

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_BEST_FIRST = ("cuda", "cpu")
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
}


# A bound run raises either one of onnxruntime's own exceptions, which share no base, or a bare RuntimeError.
_FAILURES: tuple[type[Exception], ...] = (
    RuntimeError,
    *(
        kind
        for kind in vars(onnxruntime_pybind11_state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
)


class OrtStop:
    """Ends runs by the options that they share; onnxruntime looks at them between two nodes and between iterations."""

    def __init__(self) -> None:
        """Made by `OrtEngine.stop`."""
        self.options = onnxruntime.RunOptions()

    def set(self) -> None:
        """End the run in progress, and every later one until `clear`."""
        self.options.terminate = True

    def clear(self) -> None:
        """Let runs pass again."""
        self.options.terminate = False


class OrtEngine:
    """A graph in an onnxruntime session; created by `rnnedge_runtime.load`, lives as long as its `Model`."""

    def __init__(
        self, model: bytes, name: str, *, provider: str, threads: int, spinning: bool, watch: Watch | None = None
    ) -> None:
        """Open a session over serialized ONNX `model`; `name` is how messages call it, `watch` bounds a careful load.

        Raises `ProviderError` where the provider is not here, `ModelRefused` where onnxruntime does not take the file.
        """
        self.provider = choose_provider(provider)
        options = _options(threads, spinning)
        if watch is not None:
            watch.prepare(options)
        with options_of_files_ignored():
            self._session = _open(model, name, self.provider, options)
        self.inputs = tuple(_info(node) for node in self._session.get_inputs())
        self.outputs = tuple(_info(node) for node in self._session.get_outputs())
        self.metadata = MappingProxyType(dict(self._session.get_modelmeta().custom_metadata_map))
        self._forked = False
        forked_away(self)

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """Whatever a bound run of onnxruntime raises."""
        return _FAILURES

    def stop(self) -> OrtStop:
        """A token over onnxruntime's `RunOptions.terminate`."""
        return OrtStop()

    def bind(self, inputs: Buffers, outputs: Buffers, stop: Stop) -> Callable[[], object]:
        """Bind numpy arrays in host memory; onnxruntime reads and writes them without a copy on the CPU."""
        if self._forked:
            refuse_in_child()
        # Options that exist already save onnxruntime from making some at every call: 0.9 us.
        options = stop.options if isinstance(stop, OrtStop) else onnxruntime.RunOptions()
        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
        for name, array in outputs.items():
            binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
        # The public method only unwraps these two objects, and takes 0.2 to 0.4 us a call to do it.
        session, bound = getattr(self._session, "_sess", None), getattr(binding, "_iobinding", None)
        if session is None or bound is None:
            return partial(self._session.run_with_iobinding, binding, options)
        return partial(session.run_with_iobinding, bound, options)

    def _fork(self) -> None:
        """In a forked child."""
        self._forked = True
        keep_for_ever(self._session, getattr(self._session, "_sess", None))
        leave_without_clean_up()


def available_providers() -> tuple[str, ...]:
    """The providers that can be asked for by name in this installation, best first."""
    present = onnxruntime.get_available_providers()
    return tuple(name for name in _BEST_FIRST if _PROVIDERS[name] in present)


def choose_provider(asked: str) -> str:
    """Resolve "auto" to the best provider present; raise `ProviderError` for one that is absent or unknown."""
    present = available_providers()
    if asked == "auto":
        return present[0]
    if asked not in _PROVIDERS:
        raise ProviderError(f"provider {asked!r}: expected one of auto, {', '.join(_PROVIDERS)}")
    if asked not in present:
        raise ProviderError(
            f"provider {asked!r}: not in this onnxruntime (it has {', '.join(present)}); "
            "install 'rnnedge[gpu]' on a machine with that device, or use provider='cpu'"
        )
    return asked


def _options(threads: int, spinning: bool) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # For buffers of one frame malloc beats the arena by 0.4 to 0.6 us a call, and gives memory back.
    options.enable_cpu_mem_arena = False
    # Left to itself, onnxruntime takes ONNX bytes with "ORTM" in one place for its own format.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning else "0")
    return options


def _open(model: bytes, name: str, provider: str, options: Any) -> Any:
    asked = _PROVIDERS[provider]
    try:
        # With its fallback, onnxruntime prints to stdout what went wrong, and tries the CPU.
        session = onnxruntime.InferenceSession(model, options, providers=[asked], enable_fallback=0)
    # onnxruntime raises eight unrelated types for bytes it does not take, UnicodeDecodeError among them.
    except Exception as error:
        if provider != "cpu":
            _open(model, name, "cpu", options)
            raise ProviderError(f"provider {provider!r}: did not start, though 'cpu' does: {error}") from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelRefused(f"{name}: onnxruntime {onnxruntime.__version__} refuses the file: {reason}") from error
    got = session.get_providers()
    if got[0] != asked:
        raise ProviderError(f"provider {provider!r}: did not start (onnxruntime fell back to {got[0]}); use 'cpu'")
    return session


def _info(node: Any) -> TensorInfo:
    return TensorInfo(node.name, _DTYPES.get(node.type, node.type), tuple(node.shape))
