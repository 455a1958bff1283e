"""Every task by name. A new one is a module with `load`, a line here, and `recipes/NAME.toml`."""

from __future__ import annotations

from rnnedge.tasks import speech
from rnnedge.tasks.task import Task

TASKS = {
    task.name: task for task in (Task("speech", "nine speakers from 12 LPC coefficients", speech.load, speech.noise),)
}
