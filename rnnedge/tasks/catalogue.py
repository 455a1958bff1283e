"""Every task by name. A new one is a module with `load`, a line here, and `recipes/NAME.toml`."""

from __future__ import annotations

from collections.abc import Callable

from rnnedge.tasks import image, memory, series, series_trend, speech, text
from rnnedge.tasks._task import NoOptions, Task
from rnnedge.tasks.memory import MemoryOptions
from rnnedge.training.splits import Splits


def _fixed(load: Callable[[], Splits]) -> Callable[[NoOptions], Splits]:
    """Of data that has no options."""
    return lambda _: load()


TASKS = {
    task.name: task
    for task in (
        Task("speech", "nine speakers from 12 LPC coefficients", _fixed(speech.load), speech.noise),
        Task("series", "the next sample of an electrocardiogram", _fixed(series.load)),
        Task("series-trend", "the next day of an epidemic that grows, in 201 countries", _fixed(series_trend.load)),
        Task("text", "the next character of the Python reference", _fixed(text.load)),
        Task("image", "handwritten digits, read row by row", _fixed(image.load), image.shaking),
        Task("adding", "the sum of two marked numbers of task.frames", memory.load_adding, options=MemoryOptions),
        Task("copy", "ten letters, repeated after task.frames", memory.load_copy, options=MemoryOptions),
        Task("parity", "is the number of ones so far odd? for task.frames", memory.load_parity, options=MemoryOptions),
    )
}
