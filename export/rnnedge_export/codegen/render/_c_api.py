"""C around the statements of a program: struct, `init`, `reset`, `step`, its states, and the library's descriptor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnedge_export.codegen._ir.loops import nest
from rnnedge_export.codegen._ir.tensors import FLOAT, Buffer, View, whole
from rnnedge_export.codegen._program_lowering import Compiled, CState

ABI = 2
NEW_LINE = "\n"
_REFUSED = "  int32_t refused; /* whether the last step met a number of a row that its table does not have */\n"
_OF_WEIGHTS = "; `weights` is the file of weights in memory, aligned to 64 bytes, which has to stay there"


def header(name: str, programs: Sequence[Compiled], digest: str, weight_bytes: int) -> str:
    """The header for whoever embeds the model."""
    guard = f"{name.upper()}_H"
    one = programs[0]
    sizes = [f"{name.upper()}_{p.identifier.upper()}_SIZE = {p.size}" for p in (*one.inputs, *one.outputs)]
    sizes += [f"{name.upper()}_WEIGHT_BYTES = {weight_bytes}"]
    text = [
        f"/* One step of a streaming network; written by rnnedge. */\n#ifndef {guard}\n#define {guard}\n",
        "#include <stddef.h>\n#include <stdint.h>\n",
        '#ifdef __cplusplus\nextern "C" {\n#endif\n',
        f'#define {name.upper()}_MODEL_SHA256 "{digest}"\n',
        f"enum {{ {', '.join(sizes)} }};\n",
    ]
    for compiled in programs:
        text.append(_declarations(_named(name, compiled), compiled, weight_bytes > 0))
    text.append("#ifdef __cplusplus\n}\n#endif\n#endif\n")
    return "\n".join(text)


def in_comment(text: str) -> str:
    """Text that stays inside a comment, in ASCII on one line: whoever made the file chose it."""
    return text.encode("unicode_escape").decode().replace("*/", "* /").replace("/*", "/ *")


def _named(name: str, compiled: Compiled) -> str:
    return name if compiled.batch == 1 else f"{name}_block"


def _declarations(name: str, compiled: Compiled, blob: bool) -> str:
    rings = sum(one.ring is not None for one in compiled.states)
    floats, integers = max(compiled.floats, 1), max(compiled.integers + compiled.arena.integers, 1)
    ports = [
        f"   {p.identifier}: {in_comment(p.name)}, {p.ctype}[{p.size}], shape {list(p.shape)}" for p in compiled.inputs
    ]
    outs = [
        f"   {p.identifier}: {in_comment(p.name)}, {p.ctype}[{p.size}], shape {list(p.shape)}" for p in compiled.outputs
    ]
    many = f" for {compiled.batch} sequences" if compiled.batch > 1 else ""
    return (
        f"/* Where a stream stands{many}, and what a step works in. */\n"
        f"typedef struct {name} {{\n"
        f"  float states[{floats}] __attribute__((aligned(64)));\n"
        f"  int64_t integers[{integers}];\n"
        f"{f'  int32_t at[{rings}];{NEW_LINE}' if rings else ''}"
        f"  const float *weights;\n  int32_t turn, calls;\n"
        f"{_REFUSED if compiled.refuses else ''}"
        # Last, so that what has to be kept to undo a step is in one piece in front of it.
        f"  float work[{compiled.arena.floats}] __attribute__((aligned(64)));\n}} {name};\n\n"
        f"/* `sizeof({name})`, for callers in other languages. */\nsize_t {name}_bytes(void);\n"
        f"/* Make a stream ready{_OF_WEIGHTS if blob else ''}. */\n"
        f"void {name}_init({name} *stream{', const void *weights' if blob else ''});\n"
        "/* Begin another sequence. */\n"
        f"void {name}_reset({name} *stream);\n"
        "/* One step. In:\n" + "\n".join(ports) + "\n   Out:\n" + "\n".join(outs) + " */\n"
        f"void {name}_step({name} *stream{_parameters(compiled)});\n"
    )


def _parameters(compiled: Compiled) -> str:
    parts = [f"const {p.ctype} *{p.identifier}" for p in compiled.inputs]
    return "".join(f", {part}" for part in (*parts, *(f"{p.ctype} *{p.identifier}" for p in compiled.outputs)))


def programs(name: str, all_compiled: Sequence[Compiled], blob: bool) -> str:
    """The functions of every program."""
    return "\n".join(_functions(_named(name, one), one, blob) for one in all_compiled)


def _functions(name: str, compiled: Compiled, blob: bool) -> str:
    weights = "  const float *const restrict K = stream->weights;\n" if blob else ""
    step = (
        f"void {name}_step({name} *stream{_restricted(compiled)}) {{\n{weights}"
        "  float *const restrict A = stream->work;\n  float *const restrict S = stream->states;\n"
        f"  int64_t *const restrict J = stream->integers;\n  int64_t *const restrict I = J + {compiled.integers};\n"
        f"{'  stream->refused = 0;' + NEW_LINE if compiled.refuses else ''}"
        "  const int turn = stream->turn ^= 1;\n  (void)A, (void)S, (void)I, (void)J, (void)turn;\n"
        f"{''.join(one.ring.declarations() for one in compiled.states if one.ring)}"
        f"{compiled.arena.code}\n{_hold(compiled)}}}\n"
    )
    return (
        f"size_t {name}_bytes(void) {{ return sizeof({name}); }}\n\n"
        f"void {name}_reset({name} *stream) {{\n"
        "  float *const S = stream->states;\n  int64_t *const J = stream->integers;\n  (void)S, (void)J;\n"
        f"{_initials(compiled.states)}  stream->calls = 0;\n}}\n\n"
        f"void {name}_init({name} *stream{', const void *weights' if blob else ''}) {{\n"
        "  memset(stream, 0, sizeof *stream);\n"
        + ("  stream->weights = (const float *)weights;\n" if blob else "")
        + f"  {name}_reset(stream);\n}}\n\n{step}"
    )


def _restricted(compiled: Compiled) -> str:
    parts = [f"const {p.ctype} *restrict {p.address}" for p in compiled.inputs]
    parts += [f"{p.ctype} *restrict {p.address}" for p in compiled.outputs]
    return "".join(f", {part}" for part in parts)


def _hold(compiled: Compiled) -> str:
    """The first calls bring only frames that stand before frame 0: states stay as they were, each for its `warmup`."""
    longest = max((one.state.warmup for one in compiled.states), default=0)
    if not longest:
        return ""
    text = f"if (stream->calls < {longest}) {{\n  stream->calls++;\n"
    for warmup in sorted({one.state.warmup for one in compiled.states} - {0}):
        held = [one for one in compiled.states if one.state.warmup == warmup]
        text += f"  if (stream->calls <= {warmup}) {{\n{_initials(held)}  }}\n"
    return text + "}\n"


def _initials(states: Sequence[CState]) -> str:
    """Statements that set states to their initial values."""
    text = ""
    for one in states:
        if one.ring is not None:
            text += f"  stream->at[{one.ring.number}] = {one.ring.begin};\n"
        for view in one.written_at:
            text += _initial(one, view)
    return text


def _initial(one: CState, view: View) -> str:
    address, size = view.buffer.address, view.buffer.size
    memory = np.zeros(size, one.initial.dtype)
    memory[view.index.ravel()] = one.initial.ravel()
    ctype = "float" if view.buffer.kind == FLOAT else "int64_t"
    if np.array_equal(memory, np.full_like(memory, memory.flat[0] if size else 0)):
        value = _number(memory.flat[0], ctype) if size else "0"
        return f"  for (int i = 0; i < {size}; i++) {address}[i] = {value};\n"
    listed = ", ".join(_number(value, ctype) for value in memory)
    return (
        f"  {{ static const {ctype} initial[{size}] = {{{listed}}};\n  memcpy({address}, initial, sizeof initial); }}\n"
    )


def _number(value: float, ctype: str) -> str:
    if ctype != "float":
        return str(int(value))
    number = float(value)
    if np.isinf(number) or np.isnan(number):
        return ("" if number > 0 else "-") + "INFINITE" if np.isinf(number) else "NOT_A_NUMBER"
    text = f"{number:.9g}"
    return (text if any(mark in text for mark in ".e") else f"{text}.0") + "f"


def descriptor(name: str, all_compiled: Sequence[Compiled], digest: str, weight_bytes: int, weights_sha: str) -> str:
    """Generic functions over every program, and the exported description."""
    one = all_compiled[0]
    text = [_generic(_named(name, compiled), compiled, weight_bytes > 0) for compiled in all_compiled]
    entries = ", ".join(
        f"{{{c.batch}, {int(c.refuses)}, sizeof({n}), offsetof({n}, work), "
        f"{n}_any_init, {n}_any_reset, {n}_any_step, {n}_read, {n}_write}}"
        for c, n in ((c, _named(name, c)) for c in all_compiled)
    )
    states = [(s.state.input, s.view.index.size // one.batch * _width(s.ctype)) for s in one.states]
    for what, pairs in (
        ("input", [(p.name, p.size * _width(p.ctype)) for p in one.inputs]),
        ("output", [(p.name, p.size * _width(p.ctype)) for p in one.outputs]),
        ("state", states),
    ):
        names = ", ".join(_text(n) for n, _ in pairs) or "0"
        sizes = ", ".join(str(size) for _, size in pairs) or "0"
        text.append(f"static const char *const {what}_names[] = {{{names}}};")
        text.append(f"static const uint64_t {what}_bytes[] = {{{sizes}}};")
    text.append(
        f"static const rnnedge_program all_programs[] = {{{entries}}};\n"
        "static const rnnedge_library library = {\n"
        f"  {ABI}, {len(all_compiled)}, {_text(digest)}, RNNEDGE_TARGET, {weight_bytes}, {_text(weights_sha)},\n"
        f"  {len(one.inputs)}, {len(one.outputs)}, {len(one.states)}, 0,\n"
        "  input_names, output_names, state_names, input_bytes, output_bytes, state_bytes,\n"
        "  all_programs, rnnedge_run\n};\n\n"
        "RNNEDGE_EXPORT const rnnedge_library *rnnedge_library_v1(void) { return &library; }"
    )
    return "\n".join(text) + "\n"


def _text(value: str) -> str:
    """A C string; other letters than ASCII by their UTF-8 bytes."""
    plain = value.isascii() and value.isprintable() and not set(value) & set('"\\?')
    return f'"{value}"' if plain else '"' + "".join(f"\\{byte:03o}" for byte in value.encode()) + '"'


def _width(ctype: str) -> int:
    return {"float": 4, "int64_t": 8, "int32_t": 4, "uint8_t": 1}[ctype]


def _generic(name: str, compiled: Compiled, blob: bool) -> str:
    arguments = [f"(const {p.ctype} *)inputs[{k}]" for k, p in enumerate(compiled.inputs)]
    arguments += [f"({p.ctype} *)outputs[{k}]" for k, p in enumerate(compiled.outputs)]
    listed = "".join(f", {argument}" for argument in arguments)
    weights = ", weights" if blob else ""
    refused = f"(({name} *)stream)->refused" if compiled.refuses else "0"
    return (
        f"static void {name}_any_init(void *stream, const void *weights) "
        f"{{ (void)weights; {name}_init(stream{weights}); }}\n"
        f"static void {name}_any_reset(void *stream) {{ {name}_reset(stream); }}\n"
        f"static int {name}_any_step(void *stream, const void *const *inputs, void *const *outputs) "
        f"{{ {name}_step(stream{listed}); return {refused}; }}\n"
        + _states(name, compiled, reads=True)
        + _states(name, compiled, reads=False)
    )


def _states(name: str, compiled: Compiled, *, reads: bool) -> str:
    """Copies between the struct and arrays in the axis order of the contract."""
    const, other = ("const ", "") if reads else ("", "const ")
    text = f"static void {name}_{'read' if reads else 'write'}({const}void *any, {other}void *const *states) {{\n"
    text += f"  {const}{name} *stream = ({const}{name} *)any;\n  {const}float *const S = stream->states;\n"
    text += f"  {const}int64_t *const J = stream->integers;\n  (void)S, (void)J, (void)states;\n"
    for k, one in enumerate(compiled.states):
        if one.ring is not None and not reads:
            text += f"  stream->at[{one.ring.number}] = {one.ring.begin};\n"
        for view in (one.read_at,) if reads else one.written_at:
            text += _copy(k, one, view, other, reads)
    # Whoever writes states knows of the first calls.
    return text + ("}\n" if reads else "  stream->calls = INT32_MAX;\n}\n")


def _copy(k: int, one: CState, view: View, const: str, reads: bool) -> str:
    size = view.index.size
    if not size:
        return ""
    array = whole(Buffer(f"state{k}", size, view.buffer.kind), view.index.shape)
    extents, (outside, inside) = nest(view.index.shape, [array, view])
    pair = (outside.text(), inside.text()) if reads else (inside.text(), outside.text())
    loops = "".join(f"for (int i{d} = 0; i{d} < {extent}; i{d}++) " for d, extent in enumerate(extents))
    pointer = f"{const}{one.ctype} *state{k} = ({const}{one.ctype} *)states[{k}]"
    return f"  {{ {pointer};\n  {loops}{pair[0]} = {pair[1]}; }}\n"
