"""Files that the runtime tests stream: exported once per session."""

from __future__ import annotations

import pytest
from exported import Exported, export_network

from rnnedge_runtime.contract import FORMS


@pytest.fixture(scope="session", params=FORMS)
def tagger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A two-layer GRU tagger, one output per frame, in each form."""
    return export_network("gru-2", request.param, tmp_path_factory.mktemp("tagger"))


@pytest.fixture(scope="session", params=FORMS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """An LSTM with one per-frame output and two summaries, in each form."""
    return export_network("both", request.param, tmp_path_factory.mktemp("both"))


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The GRU tagger in the native form only."""
    return export_network("gru-2", "native", tmp_path_factory.mktemp("native"))


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A GRU over int64 tokens."""
    return export_network("tokens", "native", tmp_path_factory.mktemp("tokens"))
