"""Faults of packages for other engines: the graph that needs no caller who knows it, and what is written around it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from injection import Injection, fault

from rnnedge_export.packaging import _hugging_face, _openvino, _ort, _triton
from rnnedge_export.packaging._self_contained import _Rewriting

_WRITING = "packaging._self_contained:_Rewriting"


@fault("package", "held windows", "triton")
def first_value_in_the_second_call(injection: Injection) -> None:
    """A state that starts elsewhere gets its first value a call too late."""
    injection.source(f"{_WRITING}._read", "self.build.ints(0))", "self.build.ints(1))")


@fault("package", "held windows", "openvino")
def held_a_call_less(injection: Injection) -> None:
    """A state behind a window is held for a call less than the window needs."""
    injection.source(f"{_WRITING}._write", "self.build.ints(state.warmup)", "self.build.ints(state.warmup - 1)")


@fault("package", "held windows", "triton")
def held_a_call_more(injection: Injection) -> None:
    """A state behind a window is held for a call more than the window needs."""
    injection.source(
        f"{_WRITING}._write",
        '"Less", self.along(calls, len(carried.shape))',
        '"LessOrEqual", self.along(calls, len(carried.shape))',
    )


@fault("package", "held windows", "openvino")
def calls_counted_too_short(injection: Injection) -> None:
    """The count of calls stops one before it matters no more."""
    injection.source(f"{_WRITING}._count", "self._most)", "self._most - 1)")


@fault("package", "windows ahead, step", "openvino")
def mask_a_frame_early(injection: Injection) -> None:
    """The mask of the beginning takes one frame before frame 0."""
    injection.source(f"{_WRITING}._cursor", "np.arange(count) - delay,", "np.arange(count) - delay + 1,")


@fault("package", "windows ahead, step", "triton")
def mask_without_frame_0(injection: Injection) -> None:
    """The mask of the beginning leaves frame 0 out."""
    injection.source(f"{_WRITING}._cursor", '"GreaterOrEqual"', '"Greater"')


@fault("package", "ahead, step", "openvino")
def frames_of_one_call_more(injection: Injection) -> None:
    """How many frames belong to the sequence is said a call too early."""
    injection.source(f"{_WRITING}._frames", 'with_number(calls, "Add", 1)', 'with_number(calls, "Add", 2)')


@fault("package", "lstm", "openvino")
def variables_swapped(injection: Injection) -> None:
    """Two states of the same shape go into each other's variable."""

    def swapped(original: Any, *arguments: Any, **options: Any) -> Any:
        found = original(*arguments, **options)
        one, other, *rest = found.states
        one, other = replace(one, output=other.output), replace(other, output=one.output)
        return replace(found, states=(one, other, *rest))

    injection.around(_openvino, "self_contained", swapped)


@fault("package", "wide tagger", "openvino")
def compressed_to_halves(injection: Injection) -> None:
    """The IR has its weights in 16 bits, as OpenVINO writes it by default."""
    injection.source("packaging._openvino:OpenVino.write", "compress_to_fp16=False", "compress_to_fp16=True")


@fault("package", "summary of four", "triton")
def last_of_a_call_is_the_first(injection: Injection) -> None:
    """A summary takes the first frame of a call for its last."""
    injection.source(f"{_WRITING}._cursor", "np.array(count - 1, np.int64)", "np.array(0, np.int64)")


@fault("package", "voice", "triton")
def context_of_the_example(injection: Injection) -> None:
    """A value per sequence is that of the example, whatever the client sends."""
    example: list[Any] = []

    def seen(original: Any, network: Any, **options: Any) -> Any:
        example[:] = [state.initial for state in network.contract.contexts if state.input == "speaker"]
        return original(network, **options)

    _edited(injection, _triton, lambda model: _read_through(model, "Where", np.array([[True]]), example[0]))
    injection.around(_triton, "self_contained", seen)


@fault("package", "voice", "openvino")
def contexts_bounded(injection: Injection) -> None:
    """A value per sequence is cut to 2.5."""
    _edited(injection, _openvino, lambda model: _read_through(model, "Clip", *np.float32([-2.5, 2.5])))


def _read_through(model: Any, kind: str, *numbers: Any) -> int:
    """What reads the input "speaker" reads a function of it."""
    import onnx_ir as ir

    value = next(one for one in model.graph.inputs if one.name == "speaker")
    readers = list(value.uses())
    constants = [ir.tensor(np.array(number), name=f"of_{k}") for k, number in enumerate(numbers)]
    nodes = [ir.node("Constant", [], attributes={"value": one}) for one in constants]
    others = [one.outputs[0] for one in nodes]
    node = ir.node(kind, [*others, value] if kind == "Where" else [value, *others])
    for reader, k in readers:
        reader.replace_input_with(k, node.outputs[0])
    model.graph.insert_before(model.graph[0], [*nodes, node])
    return len(readers)


def _edited(injection: Injection, module: Any, edit: Any) -> None:
    """Let `edit` change the graph that is written."""
    import onnx
    import onnx_ir as ir

    def changed(original: Any, *arguments: Any, **options: Any) -> Any:
        found = original(*arguments, **options)
        model = ir.from_proto(onnx.load_from_string(found.model))
        injection.hits += edit(model) - 1
        return replace(found, model=ir.to_proto(model).SerializeToString())

    injection.around(module, "self_contained", changed)


def _without_clips(model: Any) -> int:
    """Take bounds of 20 away."""
    found = 0
    for node in [one for one in model.graph if one.op_type == "Clip"]:
        if any(
            v is not None and v.const_value is not None and abs(float(v.const_value.numpy())) == 20
            for v in node.inputs[1:]
        ):
            node.outputs[0].replace_all_uses_with(node.inputs[0])
            found += 1
    return found


@fault("package", "ranges", "triton")
def bounds_dropped_in_a_package(injection: Injection) -> None:
    """A clamp at 20 is left out of the package's graph."""
    _edited(injection, _triton, _without_clips)


@fault("package", "ranges", "openvino")
def bounds_dropped_in_an_ir(injection: Injection) -> None:
    """A clamp at 20 is left out of the IR."""
    _edited(injection, _openvino, _without_clips)


def _last_row_of_zeros(model: Any) -> int:
    import onnx_ir as ir

    found = 0
    for value in model.graph.initializers.values():
        if value.const_value is not None and value.const_value.shape == (11, 6):
            rows = value.const_value.numpy().copy()
            rows[-1] = 0
            value.const_value = ir.tensor(rows, name=value.name)
            found += 1
    return found


@fault("package", "tokens", "triton")
def last_row_lost_in_a_package(injection: Injection) -> None:
    """The last row of a table of tokens is written as zeros."""
    _edited(injection, _triton, _last_row_of_zeros)


def _quiet_lost(model: Any) -> int:
    import onnx_ir as ir

    found = 0
    for value in model.graph.initializers.values():
        if value.const_value is not None and value.name is not None and value.const_value.shape == (4,):
            rows = value.const_value.numpy().copy()
            rows[0] += 0.01
            value.const_value = ir.tensor(rows, name=value.name)
            found += 1
    return found


@fault("package", "quiet channel", "triton")
def bias_of_a_quiet_channel(injection: Injection) -> None:
    """The bias of a quiet channel is off by a hundredth, next to one of 1e5."""
    _edited(injection, _triton, _quiet_lost)


@fault("package", "quiet channel", "openvino")
def bias_of_a_quiet_channel_of_an_ir(injection: Injection) -> None:
    """The bias of a quiet channel of an IR is off by a hundredth, next to one of 1e5."""
    _edited(injection, _openvino, _quiet_lost)


def _fields(injection: Injection, change: Any) -> None:
    def changed(original: Any, *arguments: Any) -> Any:
        fields = original(*arguments)
        change(fields)
        return fields

    injection.around(_triton, "_config", changed)


@fault("package", "tagger", "triton")
def one_sequence_at_once(injection: Injection) -> None:
    """The server is told to keep one sequence only."""
    _fields(injection, lambda fields: fields["sequence_batching"]["oldest"].update(max_candidate_sequences=1))


@fault("package", "tagger", "triton")
def another_backend(injection: Injection) -> None:
    """The server is told to run the graph with another backend."""
    _fields(injection, lambda fields: fields.update(backend="pytorch"))


@fault("package", "tagger", "triton")
def another_name(injection: Injection) -> None:
    """The configuration names another model than its folder does."""
    _fields(injection, lambda fields: fields.update(name="model"))


@fault("package", "tagger", "triton")
def batches_of_one(injection: Injection) -> None:
    """The server is told that there are no batches."""
    _fields(injection, lambda fields: fields.update(max_batch_size=0))


@fault("package", "tagger", "triton")
def ended_when_idle_for_a_moment(injection: Injection) -> None:
    """The server forgets a sequence after 60 microseconds."""
    _fields(injection, lambda fields: fields["sequence_batching"].update(max_sequence_idle_microseconds=60))


@fault("package", "tagger", "triton")
def start_is_never_read(injection: Injection) -> None:
    """A state has no initial value, so that a sequence begins where another one ended."""
    _fields(injection, lambda fields: [state.pop("initial_state") for state in fields["sequence_batching"]["state"]])


@fault("package", "held windows", "triton")
def counts_of_the_first_sequence(injection: Injection) -> None:
    """All sequences of a batch count as many calls as the first one."""

    def first(original: Any, self: Any, calls: Any, axes: int) -> Any:
        return original(self, self.build.op("Slice", calls, *map(self.build.ints, (0, 1, 0))), axes)

    injection.around(_Rewriting, "along", first)


@fault("package", "tagger", "ort")
def labels_lost_in_ort(injection: Injection) -> None:
    """The file in ORT format has no labels."""
    _contract_of_ort(injection, labels=())


@fault("package", "tagger", "ort")
def rate_lost_in_ort(injection: Injection) -> None:
    """The file in ORT format has another frame rate."""
    _contract_of_ort(injection, frame_rate_hz=50.0)


def _contract_of_ort(injection: Injection, **fields: Any) -> None:
    import onnx

    from rnnedge_runtime.contract_json import dump

    def changed(original: Any, network: Any, folder: Any) -> Any:
        model = onnx.load_from_string(network.data)
        said = dump(replace(network.contract, **fields))
        for prop in model.metadata_props:
            if prop.key in said:
                prop.value = said[prop.key]
        return original(replace(network, data=model.SerializeToString()), folder)

    injection.around(_ort, "_converted", changed)


@fault("package", "tagger", "ort")
def operators_of_another_file(injection: Injection) -> None:
    """The list of operators for a small build lacks one that the file has."""

    def changed(original: Any, network: Any, folder: Any) -> Any:
        made = original(network, folder)
        config = made.with_suffix(f".{_ort._CONFIG}")
        config.write_text(config.read_text().replace("GRU", "RNN"))
        return made

    injection.around(_ort, "_converted", changed)


@fault("package", "tagger", "huggingface")
def card_of_another_file(injection: Injection) -> None:
    """The facts of a repository have another digest than its file."""
    injection.source(
        "packaging._hugging_face:HuggingFace.finish", '"sha256": network.digest', '"sha256": network.digest[::-1]'
    )


@fault("package", "tagger", "huggingface")
def file_without_its_contract(injection: Injection) -> None:
    """The file of a repository has other labels."""
    import onnx

    from rnnedge_runtime.checksum import seal
    from rnnedge_runtime.contract_json import dump

    def changed(original: Any, self: Any, network: Any, folder: Any) -> Any:
        model = onnx.load_from_string(network.data)
        said = dump(replace(network.contract, labels=("x", "y", "z")))
        for prop in model.metadata_props:
            if prop.key in said:
                prop.value = said[prop.key]
        return original(self, replace(network, data=seal(model.SerializeToString())), folder)

    injection.around(_hugging_face.HuggingFace, "write", changed)


@fault("package", "summary of four", "openvino")
def summary_of_zeros_at_first(injection: Injection) -> None:
    """A summary is nothing before the twentieth call."""

    def changed(original: Any, self: Any, frames: Any) -> Any:
        self.count = getattr(self, "count", 0) + 1
        found = dict(original(self, frames))
        if self.count % 40 < 20:
            found = {
                n: a * 0 if not p.per_frame else a
                for p in self._contract.outputs
                for n, a in found.items()
                if n == p.name
            }
        return found

    from rnnedge_export.packaging._calls import CallRunner

    injection.around(CallRunner, "push", changed)
