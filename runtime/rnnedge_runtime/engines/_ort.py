"""The default engine: one onnxruntime session."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from rnnedge_runtime._fork import forked_away, refuse_in_child
from rnnedge_runtime._interpreter_exit import wait_if_leaving
from rnnedge_runtime.contract import Array, State
from rnnedge_runtime.engine import Buffers, CancelToken, DeviceBuffer, Preparation, TensorInfo
from rnnedge_runtime.engines._device import DeviceArray, Place, carrying
from rnnedge_runtime.engines._file_options import options_of_files_ignored
from rnnedge_runtime.engines._forked import keep_for_ever, leave_without_clean_up
from rnnedge_runtime.engines._providers import session_providers
from rnnedge_runtime.engines.denormals import SESSION_ENTRY, flush_denormals
from rnnedge_runtime.engines.onnx_runtime import onnxruntime, onnxruntime_pybind11_state
from rnnedge_runtime.engines.optimizers import leave_out
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import ModelRefused, ProviderError
from rnnedge_runtime.ort_format import is_ort_format

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
}
# A CUDA graph is recorded per bound run and never let go, so a caller of many lengths gets no more of them.
_GRAPHS_MOST = 32
_NO_GRAPH = -1


# A bound run raises either one of onnxruntime's own exceptions, which share no base, or a bare RuntimeError.
_FAILURES: tuple[type[Exception], ...] = (
    RuntimeError,
    *(
        kind
        for kind in vars(onnxruntime_pybind11_state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
)


_LEVELS = {
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "none": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
_DEFAULTS = Settings()


class OrtStop:
    """Ends runs by the options that they share; onnxruntime looks at them between two nodes and between iterations."""

    def __init__(self) -> None:
        """Made by `OrtEngine.stop`."""
        self._all: list[Any] = []
        self.options = self.further()

    def further(self) -> Any:
        """More `onnxruntime.RunOptions` that end together with the others."""
        self._all.append(onnxruntime.RunOptions())
        return self._all[-1]

    def set(self) -> None:
        """End the run in progress, and every later one until `clear`."""
        for options in self._all:
            options.terminate = True

    def clear(self) -> None:
        """Let runs pass again."""
        for options in self._all:
            options.terminate = False


class OrtEngine:
    """A graph in an onnxruntime session; created by `rnnedge_runtime.load`, lives as long as its `Model`."""

    checks_finite = in_place = False

    def __init__(
        self,
        model: bytes,
        name: str,
        provider: str = "cpu",
        settings: Settings = _DEFAULTS,
        preparation: Preparation | None = None,
    ) -> None:
        """Open a session over serialized ONNX `model`; `name` is how messages call it, `preparation` bounds it.

        Raises `ProviderError` where the provider is not here, `ModelRefused` where onnxruntime does not take the file.
        """
        wait_if_leaving()
        self.provider = provider
        options = _options(settings, "ORT" if is_ort_format(model) else "ONNX")
        if preparation is None:
            leave_out(options)
        else:
            model = preparation.prepare(model, options)
        with options_of_files_ignored():
            self._session = _open(model, name, provider, settings.provider_options, options)
        self.inputs = tuple(_info(node) for node in self._session.get_inputs())
        self.outputs = tuple(_info(node) for node in self._session.get_outputs())
        self.metadata = MappingProxyType(dict(self._session.get_modelmeta().custom_metadata_map))
        self._places = _places(self.inputs, self._session.get_input_memory_infos())
        self._places |= _places(self.outputs, self._session.get_output_memory_infos())
        self._flush = settings.flush_denormals
        given = settings.provider_options.get(provider, {})
        self._records = str(given.get("enable_cuda_graph", "0")).lower() in ("1", "true")
        self._recordings = itertools.count(1)
        self._forked = False
        forked_away(self)

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """Whatever a bound run of onnxruntime raises."""
        return _FAILURES

    def stop(self, limited: bool) -> OrtStop:
        """A token over onnxruntime's `RunOptions.terminate`; a run writes the other set of states, so all is undone."""
        return OrtStop()

    def hold(
        self, states: Sequence[State], sets: Sequence[Mapping[str, Array]], batch: int
    ) -> Sequence[Mapping[str, Array | DeviceBuffer]]:
        """Each array itself, or its copy on the device where the graph reads and writes it."""
        return [{state.input: self._held(state, arrays[state.input]) for state in states} for arrays in sets]

    def bind(self, inputs: Buffers, outputs: Buffers, stop: CancelToken) -> Callable[[], object]:
        """Bind numpy arrays: in place where the graph uses host memory, else copied before and after each run."""
        if self._forked:
            refuse_in_child()
        if self._flush:
            # Whoever binds will run, or has started the thread that does.
            flush_denormals()
        # Options that exist already save onnxruntime from making some at every call: 0.9 us.
        own = stop if isinstance(stop, OrtStop) else OrtStop()
        options = self._recording(own) if self._records else own.options
        binding = self._session.io_binding()
        brings = [self._place(binding.bind_ortvalue_input, name, buffer) for name, buffer in inputs.items()]
        takes = [self._place(binding.bind_ortvalue_output, name, buffer) for name, buffer in outputs.items()]
        # The public method only unwraps these two objects, and takes 0.2 to 0.4 us a call to do it.
        session, bound = getattr(self._session, "_sess", None), getattr(binding, "_iobinding", None)
        if session is None or bound is None:
            run = partial(self._session.run_with_iobinding, binding, options)
        else:
            run = partial(session.run_with_iobinding, bound, options)
        return carrying(run, [one for one in brings if one], [one for one in takes if one])

    def _held(self, state: State, array: Array) -> Array | DeviceBuffer:
        place = self._places.get(state.input)
        return array if place is None or place != self._places.get(state.output) else DeviceArray(array, place)

    def _place(self, bind: Callable[[str, Any], object], name: str, buffer: Array | DeviceBuffer) -> DeviceArray | None:
        """Bind one buffer; returns what has to be carried at every run."""
        if isinstance(buffer, DeviceArray):
            bind(name, buffer.value)
            return None
        assert isinstance(buffer, np.ndarray)
        place = self._places.get(name)
        if place is None:
            bind(name, onnxruntime.OrtValue.ortvalue_from_numpy(buffer))
            return None
        carried = DeviceArray(buffer, place)
        bind(name, carried.value)
        return carried

    def _recording(self, stop: OrtStop) -> Any:
        """Options under which CUDA records this bound run, with its addresses, and replays it from then on."""
        options, number = stop.further(), next(self._recordings)
        options.add_run_config_entry("gpu_graph_id", str(number if number <= _GRAPHS_MOST else _NO_GRAPH))
        return options

    def _fork(self) -> None:
        """In a forked child."""
        self._forked = True
        keep_for_ever(self._session, getattr(self._session, "_sess", None))
        leave_without_clean_up()


def _options(settings: Settings, file_format: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # For buffers of one frame malloc beats the arena by 0.4 to 0.6 us a call, and gives memory back.
    options.enable_cpu_mem_arena = False
    # Left to itself, onnxruntime takes ONNX bytes with "ORTM" in one place for its own format.
    options.add_session_config_entry("session.load_model_format", file_format)
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if settings.spinning else "0")
    options.graph_optimization_level = _LEVELS[settings.optimization]
    if settings.flush_denormals:
        options.add_session_config_entry(*SESSION_ENTRY)
    return options


def _open(model: bytes, name: str, provider: str, given: Mapping[str, Mapping[str, str]], options: Any) -> Any:
    asked = session_providers(provider, given)
    full = asked[0] if isinstance(asked[0], str) else asked[0][0]
    try:
        # With its fallback, onnxruntime prints to stdout what went wrong, and tries the CPU.
        session = onnxruntime.InferenceSession(model, options, providers=asked, enable_fallback=0)
    # onnxruntime raises eight unrelated types for bytes it does not take, UnicodeDecodeError among them.
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if provider != "cpu":
            _open(model, name, "cpu", {}, options)
            raise ProviderError(f"provider {provider!r}: did not start, though 'cpu' does: {reason}") from error
        raise ModelRefused(f"{name}: onnxruntime {onnxruntime.__version__} refuses the file: {reason}") from error
    got = session.get_providers()
    if got[0] != full:
        raise ProviderError(f"provider {provider!r}: did not start (onnxruntime fell back to {got[0]}); use 'cpu'")
    return session


def _info(node: Any) -> TensorInfo:
    return TensorInfo(node.name, _DTYPES.get(node.type, node.type), tuple(node.shape))


def _places(ports: Sequence[TensorInfo], memory: Sequence[Any]) -> dict[str, Place]:
    """Where the session wants values that are not in host memory."""
    found = {port.name: Place(info.name.lower(), info.device_id) for port, info in zip(ports, memory, strict=True)}
    return {name: place for name, place in found.items() if not place.device.startswith("cpu")}
