"""Every task by name. A new one is a module with `load`, a line here, and `recipes/NAME.toml`."""

from __future__ import annotations

from rnnedge.tasks import image, memory, series, series_trend, speech, text
from rnnedge.tasks.task import Task

TASKS = {
    task.name: task
    for task in (
        Task("speech", "nine speakers from 12 LPC coefficients", speech.load, speech.noise),
        Task("series", "the next sample of an electrocardiogram", series.load),
        Task("series-trend", "the next day of an epidemic that grows, in 201 countries", series_trend.load),
        Task("text", "the next character of the Python reference", text.load),
        Task("image", "handwritten digits, read row by row", image.load, image.shaking),
        Task("adding", "the sum of two marked numbers of task.frames", memory.load_adding),
        Task("copy", "ten letters, repeated after task.frames", memory.load_copy),
        Task("parity", "is the number of ones so far odd? for task.frames", memory.load_parity),
    )
}
