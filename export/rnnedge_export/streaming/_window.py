"""Windows over time: convolution and pooling. What a later window needs of earlier frames is a cache."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from rnnedge_export.streaming._caches import aligned, counted, cut, hold, masked, per_call, until_certain
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming.facts import Fact, Facts, rank
from rnnedge_runtime.clock import Clock

_SET_ASIDE = "use count_include_pad=True, or no padding along time"


@dataclass(frozen=True)
class Window:
    """A window along time: `reach` frames from first to last, every `stride` frames, padded before and after.

    `skips`: a call may begin in the middle of a stride, so that what is read first has not to come first.
    """

    reach: int
    stride: int
    front: int
    behind: int
    skips: bool = False

    def clock(self, clock: Clock, repeated: bool = False) -> Clock:
        """When the windows over frames of `clock` are complete.

        Window j begins at frame j * stride - front. One call brings windows for its frames, the earliest possible ones
        of which every frame has come: so the delay is the least whole number that leaves room for `reach`. It
        can be negative: windows over padding only are constants (see `front`), but for a `repeated` first frame.
        """
        room = self.reach - self.stride if self.skips else max(self.reach - self.stride, 0)
        delay = -(-(room - self.front + clock.delay) // self.stride)
        if clock.delay > 0 or repeated:
            delay = max(0, delay)
        step = (1, self.front + self.behind - self.reach + self.stride, self.stride)
        return Clock(clock.rate / self.stride, delay, (*clock.length, step))

    def cache(self, before: Clock, after: Clock) -> int:
        """Frames that a call needs of earlier calls; less than 0 if it skips some of its own."""
        return after.delay * self.stride + self.front - before.delay


@rule("Conv")
def conv(node: ir.Node, facts: Facts) -> Fact:
    """Convolution (ONNX operator specification, Conv-11).

    1. Time is a spatial axis. With a kernel of 1, stride 1 and no padding along it, every frame is by itself.
    2. Otherwise the frames that later windows need are a cache, zeros at first: the padding in front.
    3. Padding at the end delays the output until the frames that it stands for have come; past the end they are zeros.
    4. Stride divides the rate. A window narrower than its stride skips frames.
    """
    if facts.of(node.inputs[1]) is not None:
        facts.refuse(node, "its kernel changes with time", "make it a constant of the network")
    return window(node, facts, 0.0)


@rule("MaxPool")
def max_pool(node: ir.Node, facts: Facts) -> Fact:
    """1. As convolution, padded with -infinity. 2. Indices are refused; so is ceil_mode along time."""
    if len(node.outputs) > 1:
        facts.refuse(node, "it gives the places of the maxima", "use the maxima only")
    return window(node, facts, -np.inf)


@rule("AveragePool")
def average_pool(node: ir.Node, facts: Facts) -> Fact:
    """1. As convolution. 2. Padding along time that does not count in the mean is refused; so is ceil_mode."""
    found = read_window(node, facts)
    if found is not None and (found.front or found.behind) and not node.attributes.get_int("count_include_pad", 0):
        facts.refuse(node, "the mean at the ends is over fewer frames than elsewhere", _SET_ASIDE)
    return window(node, facts, 0.0)


def window(node: ir.Node, facts: Facts, fill: float) -> Fact:
    """Make the window of `node` stream; its attributes lose their padding along time."""
    fact = facts.only(node)
    found = read_window(node, facts)
    if found is None:
        return fact
    value = node.inputs[0]
    assert value is not None and fact.axis is not None
    if found == Window(1, 1, 0, 0):
        return fact
    warmup = 0
    over = found.front > found.reach - found.stride and fact.clock.delay > 0
    if over or (found.behind and not (fill == 0 and is_input(value) and not fact.clock.length)):
        # Padding at the end stands in for frames past it; more padding than a window reaches, for some before frame 0.
        value, fact = until_certain(node, value, fact, facts)
        value = masked(node, value, fact, facts, fill)
    elif found.front and fact.clock.delay > 0:
        value, fact, warmup = aligned(node, value, fact, facts)
    front = facts.fronts.get(value)
    clock = found.clock(fact.clock, fact.repeated or front is not None)
    if front is not None:
        least = -(-front.warmup * per_call(node, fact, facts) // found.stride)
        clock = replace(clock, delay=max(clock.delay, least))
    out = replace(fact, clock=clock, repeated=False)
    per_call(node, out, facts)
    frames = found.cache(fact.clock, clock)
    if frames:
        given = fact if front is None else replace(fact, clock=replace(fact.clock, delay=0))
        value = hold(node, value, given, frames, facts, kind="cache", initial=fill, warmup=warmup, front=front)
    spare = frames - (found.reach - found.stride)
    if spare >= found.stride:
        value = cut(node, facts, value, fact.axis or 0, 0, -spare)
    node.replace_input_with(0, value)
    _drop_padding(node, fact.axis or 0)
    waits = clock.lookahead - fact.clock.lookahead
    ahead = f", waits for {counted(waits)} of input" if waits else ""
    every = "" if found.stride == 1 else f", every {found.stride}"
    kept = f"cache of {counted(frames)}" if frames else "nothing is kept"
    facts.note(node, f"window of {counted(found.reach)}{every}: {kept}{ahead}")
    return out


def is_input(value: ir.Value | None) -> bool:
    """Whether a value is the input with its axes moved: past the end the runtime makes it zeros by itself."""
    while value is not None and not value.is_graph_input():
        node = value.producer()
        if node is None or node.op_type not in ("Transpose", "Unsqueeze", "Squeeze", "Identity"):
            return False
        value = node.inputs[0]
    return value is not None


def read_window(node: ir.Node, facts: Facts) -> Window | None:
    """The window along time, or None where the value is a summary or every frame is by itself."""
    fact = facts.only(node)
    if fact.axis is None or (fact.folded and fact.axis == 0):
        return None
    place = fact.axis - 2
    spatial = rank(node.inputs[0]) - 2
    if place < 0:
        # Pools take every channel by itself.
        if fact.axis == 0 or node.op_type != "Conv":
            return None
        facts.refuse(node, "time stands on its channel axis", "bring time to a spatial axis: x.transpose(1, 2)")
    if fact.folded:
        facts.refuse(node, "time shares its axis with another", "unfold time first")
    attributes = node.attributes
    if attributes.get_string("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        facts.refuse(node, "its padding depends on the length of the sequence", "give the padding in numbers")
    kernel = kernel_of(node)[place]
    stride = (list(attributes.get_ints("strides") or []) or [1] * spatial)[place]
    dilation = (list(attributes.get_ints("dilations") or []) or [1] * spatial)[place]
    pads = list(attributes.get_ints("pads") or []) or [0] * 2 * spatial
    if attributes.get_int("ceil_mode", 0) and stride > 1:
        facts.refuse(node, "ceil_mode makes a last window of fewer frames", "use ceil_mode=False")
    return Window((kernel - 1) * dilation + 1, stride, pads[place], pads[place + spatial])


def kernel_of(node: ir.Node) -> list[int]:
    """The sizes of the kernel along the spatial axes."""
    given = node.attributes.get_ints("kernel_shape")
    if given:
        return list(given)
    weights = node.inputs[1]
    assert weights is not None and weights.shape is not None
    return [int(d) for d in list(weights.shape)[2:] if isinstance(d, int)]


def _drop_padding(node: ir.Node, axis: int) -> None:
    spatial = rank(node.outputs[0]) - 2
    pads = list(node.attributes.get_ints("pads") or []) or [0] * 2 * spatial
    pads[axis - 2] = pads[axis - 2 + spatial] = 0
    node.attributes["pads"] = ir.AttrInt64s("pads", pads)
