"""Another machine: this one, through a real sshd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sshd


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    """A server for all tests of a worker."""
    if reason := sshd.missing():
        pytest.skip(reason)
    with sshd.serve(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def there(server: sshd.Sshd) -> Iterator[sshd.Sshd]:
    """The server, which has to be as tidy after the test as it was before."""
    assert server.traces() == []
    yield server
    assert server.traces() == []


GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"


@pytest.fixture
def golden() -> Path:
    """A file that this machine did not export; its golden sample replays."""
    return GOLDEN
