"""What holds for every test: one thread per worker, no trace in the user's own state, properties that pass again."""

from __future__ import annotations

import os
import tempfile

import pytest
from hypothesis import settings
from in_one_test import same_start
from made_once import FOLDER

# Read by torch and onnxruntime when they are first imported; several test workers share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Every pass of an export checks what it requires and ensures.
os.environ.setdefault("RNNEDGE_DEBUG", "1")

# The list of files that were exported on this machine is the user's; processes that tests start inherit this one.
_STATE = tempfile.TemporaryDirectory(prefix="rnnedge-tests-", ignore_cleanup_errors=True)
os.environ["XDG_STATE_HOME"] = os.environ["LOCALAPPDATA"] = _STATE.name

# Workers inherit it from the process that starts them.
os.environ.setdefault(FOLDER, _STATE.name)

settings.register_profile("repeatable", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """A test's networks are the same in every run and, where it begins as another does, in both: one capture."""
    same_start()
