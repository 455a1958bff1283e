"""What holds for every test: one thread per worker, no trace in the user's own state, properties that pass again."""

from __future__ import annotations

import os
import sys
import tempfile

import pytest
from hypothesis import settings

# Read by torch and onnxruntime when they are first imported; several test workers share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The list of files that were exported on this machine is the user's; processes that tests start inherit this one.
_STATE = tempfile.TemporaryDirectory(prefix="rnnedge-tests-", ignore_cleanup_errors=True)
os.environ["XDG_STATE_HOME"] = os.environ["LOCALAPPDATA"] = _STATE.name

settings.register_profile("repeatable", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(autouse=True)
def remembered_captures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports of a network that this process has captured before begin from there, others from the tables of torch."""
    drafts = sys.modules.get("rnnedge_export.drafts")
    if drafts is None or request.node.get_closest_marker("fresh_captures"):
        return
    from captures import remembering
    from torch_tables import build_once

    build_once(monkeypatch)
    monkeypatch.setattr(drafts, "capture", remembering(drafts.capture))
