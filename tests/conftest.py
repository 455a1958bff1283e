"""What holds for every test: one thread per worker, and properties that pass again when they passed once."""

from __future__ import annotations

import os

from hypothesis import settings

# Read by torch and onnxruntime when they are first imported; several test workers share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("repeatable", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
