"""Every task by name. A new one is a module with `load`, a line here, and `recipes/NAME.toml`."""

from __future__ import annotations

from rnnedge.tasks import memory, speech
from rnnedge.tasks.task import Task

TASKS = {
    task.name: task
    for task in (
        Task("speech", "nine speakers from 12 LPC coefficients", speech.load, speech.noise),
        Task("adding", "the sum of two marked numbers of task.frames", memory.load_adding),
        Task("copy", "ten letters, repeated after task.frames", memory.load_copy),
        Task("parity", "is the number of ones so far odd? for task.frames", memory.load_parity),
    )
}
