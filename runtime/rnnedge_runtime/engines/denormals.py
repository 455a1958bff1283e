"""Denormal numbers count as zero: in a thread that runs graphs they would take up to twenty times as long.

The state of a recurrent network that hears silence decays into them. Whether a processor flushes them is a mode of
each thread, which a thread inherits from the one that starts it. onnxruntime (1.32) sets it for its own threads, and
for the one that opens the first session of a process; a thread that runs a later one is left as it is.
"""

from __future__ import annotations

import ctypes
import os
import threading

SESSION_ENTRY = ("session.set_denormal_as_zero", "1")

# Bits of the control word, as 32-bit number `word` of glibc's femode_t: MXCSR has FTZ and DAZ, FPCR has FZ.
_BITS = {"x86_64": (1, 1 << 15 | 1 << 6), "aarch64": (0, 1 << 24)}
_thread = threading.local()


def flush_denormals() -> bool:
    """Let the processor treat denormal numbers as zero in this thread from now on; False where it cannot be set.

    It can with glibc, whose `fesetmode` is C23's (7.6.4.3), on x86-64 and 64-bit ARM.
    """
    if not hasattr(_thread, "flushes"):
        _thread.flushes = _set_mode()
    return bool(_thread.flushes)


def _set_mode() -> bool:
    place = _BITS.get(os.uname().machine) if hasattr(os, "uname") else None
    if place is None:
        return False
    try:
        libm = ctypes.CDLL("libm.so.6")
        get, put = libm.fegetmode, libm.fesetmode
    except (OSError, AttributeError):
        return False
    mode = (ctypes.c_uint32 * 8)()
    if get(mode):
        return False
    word, bits = place
    mode[word] |= bits
    return not put(mode)
