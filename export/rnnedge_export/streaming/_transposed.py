"""More frames out than in: transposed convolution, and nearest upsampling."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import cast

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.symbolic_dims import length_of, ratio
from rnnedge_export.streaming._caches import aligned, become, cut, from_frame_0, insert, masked, until_certain
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming._window import kernel_of
from rnnedge_export.streaming.facts import Fact, Facts, Held, constant, dims, rank
from rnnedge_runtime.clock import Clock, Length

_END = (1 << 63) - 1


@rule("ConvTranspose")
def conv_transpose(node: ir.Node, facts: Facts) -> Fact:
    """Transposed convolution by overlap-add (ONNX operator specification, ConvTranspose-11).

    1. Time is a spatial axis. With a kernel of 1, stride 1 and no padding along it, every frame is by itself.
    2. Each frame reaches over `kernel` output frames, `stride` after those of the frame before. What reaches beyond the
       output frames of a call is a state, added to the first frames of the next one; the bias is added after that.
    3. Padding cuts off the ends of the output: in front it is a delay; at the end, the sequence is shorter.
    4. Where frames past the end would reach into the output, they are zeros.
    """
    if facts.of(node.inputs[1]) is not None:
        facts.refuse(node, "its kernel changes with time", "make it a constant of the network")
    fact = facts.only(node)
    if fact.axis is None or fact.axis == 0:
        return fact
    place, spatial = fact.axis - 2, rank(node.inputs[0]) - 2
    if place < 0 or fact.folded:
        facts.refuse(node, "time stands on its channel axis", "bring time to a spatial axis: x.transpose(1, 2)")
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    if attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or "output_shape" in attributes:
        facts.refuse(node, "its padding depends on the length of the sequence", "give the padding in numbers")
    pads = list(attributes.get("pads") or [0] * 2 * spatial)
    extra = list(attributes.get("output_padding") or [0] * spatial)
    stride = list(attributes.get("strides") or [1] * spatial)[place]
    reach = (kernel_of(node)[place] - 1) * list(attributes.get("dilations") or [1] * spatial)[place] + 1
    front, behind = pads[place], pads[place + spatial] - extra[place]
    if (reach, stride, front, behind) == (1, 1, 0, 0):
        return fact
    value, warmup, over = node.inputs[0], 0, reach - stride
    assert value is not None
    if over > max(behind, 0):
        value, fact = until_certain(node, *from_frame_0(node, value, fact, facts), facts)
        value = masked(node, value, fact, facts, 0.0)
    elif over > 0 and fact.clock.delay:
        value, fact, warmup = aligned(node, value, fact, facts)
    else:
        value, fact = from_frame_0(node, value, fact, facts)
    assert fact.axis is not None
    pads[place] = pads[place + spatial] = extra[place] = 0
    attributes |= {"pads": pads, "output_padding": extra}
    raw = node.outputs[0]
    out = insert(node, facts, "ConvTranspose", value, node.inputs[1], like=raw, **attributes)
    if over > 0:
        out = _overlap(node, out, fact.axis, over, warmup, facts)
    elif over < 0:
        fill = facts.builder.scalar(0.0, raw.dtype or ir.DataType.FLOAT)
        ends = [0] * 2 * rank(raw)
        ends[rank(raw) + fact.axis] = -over
        out = insert(node, facts, "Pad", out, facts.builder.ints(*ends), fill, like=raw)
    bias = constant(node.inputs[2]) if len(node.inputs) > 2 else None
    if bias is not None:
        wide = facts.builder.const(bias.reshape(-1, *[1] * spatial), "bias")
        out = insert(node, facts, "Add", out, wide, like=raw)
    out.shape = raw.shape
    before = fact.clock
    length = (*before.length, (stride, over - front - behind, 1))
    later = replace(fact, clock=Clock(before.rate * stride, before.delay * stride + front, length))
    facts.note(
        node, f"ConvTranspose over {reach} frames, every {stride}: {max(over, 0)} frames overlap into the next call"
    )
    return become(node, out, later, facts)


def _overlap(node: ir.Node, raw: ir.Value, axis: int, over: int, warmup: int, facts: Facts) -> ir.Value:
    """The complete output frames of a call; the rest is added to those of the next one."""
    place = facts.places.get(node.name or "", "") or "convtranspose"
    shape = list(dims(node.outputs[0]))
    shape[axis] = over
    state = ir.Value(name=facts.builder.fresh(f"{place}.overlap"), type=raw.type, shape=ir.Shape(shape))
    head = insert(node, facts, "Add", cut(node, facts, raw, axis, 0, over), state, like=raw)
    whole = insert(node, facts, "Concat", head, cut(node, facts, raw, axis, over, _END), like=raw, axis=axis)
    after = cut(node, facts, whole, axis, -over, _END)
    facts.states.append(Held(state, after, str(state.name), tuple(shape), 0.0, warmup))
    return cut(node, facts, whole, axis, 0, -over)


@rule("Resize")
def resize(node: ir.Node, facts: Facts) -> Fact:
    """1. Nearest upsampling by whole numbers repeats frames. 2. Any other interpolation over time is refused.

    3. Upsampling to the length of another value, as interpolate(x, size=skip.shape[-1]), is case 1 cut to that length
       where it takes the same frames at every length.
    4. Of time with the batch in one axis, pictures for example, every frame by itself.
    """
    fact = facts.only(node)
    if fact.axis is None:
        return fact
    times = [ratio(a, b) for a, b in zip(dims(node.inputs[0]), dims(node.outputs[0]), strict=True)]
    mode = node.attributes.get_string("mode", "nearest")
    where = node.attributes.get_string("coordinate_transformation_mode", "half_pixel")
    rounding = node.attributes.get_string("nearest_mode", "round_prefer_floor")
    along = times[fact.axis]
    plain = mode == "nearest" and (where, rounding) in (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"))
    along_time = along != 1 and (along is None or along.denominator != 1 or not plain or bool(fact.folded))
    if along_time or None in times:
        facts.refuse(node, f"it interpolates over time ({mode}, {where})", "use nearest upsampling by a whole number")
    sizes = zip(dims(node.inputs[0]), times, strict=True)
    scales = facts.builder.const(np.array([_scale(size, t) for size, t in sizes if t is not None]), "scales")
    assert along is not None
    if along != 1:
        late, fact = from_frame_0(node, cast(ir.Value, node.inputs[0]), fact, facts)
        node.replace_input_with(0, late)
    out = insert(node, facts, "Resize", node.inputs[0], None, scales, like=node.outputs[0],
                 **{k: a.value for k, a in node.attributes.items() if k != "keep_aspect_ratio_policy"})  # fmt: skip
    if fact.folded:
        return become(node, out, fact, facts)
    clock = fact.clock
    length = (*clock.length, (int(along), 0, 1))
    later = Clock(clock.rate * along, clock.delay * int(along), _cut_to_size(node, fact, length, facts))
    return become(node, out, replace(fact, clock=later), facts)


def _scale(size: int | str, times: Fraction) -> np.float32:
    """Of an axis; `times` in float32 may be too small by its rounding for the size that it leads to."""
    scale = np.float32(float(times))
    short = isinstance(size, int) and int(size * float(scale)) < size * times
    return np.nextafter(scale, np.float32(np.inf)) if short else scale


def _cut_to_size(node: ir.Node, fact: Fact, length: Length, facts: Facts) -> Length:
    """Case 3: the length of a known value that is the given one, or `length` where that is the given one already."""
    assert fact.axis is not None
    given = [length_of(dims(node.outputs[0])[fact.axis], total) for total in facts.totals]
    natural = Clock(length=length)
    if None in given or given == [natural.valid(total) for total in facts.totals]:
        return length
    times = length[-1][0]
    for total, wanted in zip(facts.totals, given, strict=True):
        before = fact.clock.valid(total)
        index = np.arange(wanted or 0)
        if before and not np.array_equal(index * before // (wanted or 1), index // times):
            facts.refuse(node, "it interpolates by a factor that depends on the length", "give scale_factor, and cut")
    for other in facts.known.values():
        if [other.clock.valid(total) for total in facts.totals] == given:
            return other.clock.length
    return facts.refuse(node, "it interpolates to a length that no other value has", "give scale_factor, and cut")
