"""The memory that untrusted graphs share: one arena of onnxruntime with an upper end.

onnxruntime keeps one allocator of a kind per process, for the sessions that ask for it (`session.use_env_allocators`).
What does not fit is an error of the call that wanted it, and the process goes on.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

from rnnedge_runtime._fork import free_in_child
from rnnedge_runtime.engines.onnx_runtime import onnxruntime

_SAME_AS_REQUESTED = 1
_lock = free_in_child(Lock())
_registered = False


def use_capped_arena(options: Any, most: int) -> None:
    """Let a session with `options` (`onnxruntime.SessionOptions`) take its memory from the arena of `most` bytes.

    Weights are left out: the file holds them, so its size bounds them. The first call of a process makes the arena.
    """
    global _registered
    with _lock:
        if not _registered:
            kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
            memory = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
            arena = onnxruntime.OrtArenaCfg({"max_mem": most, "arena_extend_strategy": _SAME_AS_REQUESTED})
            onnxruntime.create_and_register_allocator(memory, arena)
            _registered = True
    options.enable_cpu_mem_arena = True
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
