"""Two processes that train together give what one gives with the same global batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import SequenceData, TrainerConfig, fit
from rnnedge.training.distributed import joined

CONFIG = TrainerConfig("mse", epochs=3, batch_size=5, learning_rate=1e-2)
CONFIGS = {
    # 13 sequences in batches of 5: the last batch has 3, of which one process gets 1.
    "batches": CONFIG,
    "windows": replace(CONFIG, k1=4, k2=8),
    "lanes": replace(CONFIG, k1=4, batch_size=3, stateful=True),
    "one row": replace(CONFIG, batch_size=1, epochs=1),
}


def delayed(seed: int) -> SequenceData:
    """The frame before, for 4 to 14 frames."""
    rng = np.random.default_rng(seed)
    x = [rng.standard_normal((int(rng.integers(4, 15)), 2)).astype(np.float32) for _ in range(13)]
    return SequenceData(tuple(x), tuple(np.concatenate([np.zeros((1, 2), np.float32), f[:-1]]) for f in x))


def noisy(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Noise, which all processes have to agree on."""
    return x + 0.1 * torch.randn(x.shape, generator=generator)


def trained(config: TrainerConfig, state: Path | None = None, resume: bool = False) -> dict[str, torch.Tensor]:
    """Weights after a training."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("gru", 2, 8, 2))
    result = fit(network, delayed(1), delayed(2), config, augment=noisy, state=state, resume=resume)
    losses = torch.tensor([[e.train_loss, e.validation_loss] for e in result.epochs], dtype=torch.float64)
    return {**network.state_dict(), "losses": losses}


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes of `torchrun` found, each in a file."""
    folder = tmp_path_factory.mktemp("together")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    # `localhost` of a container may be an address that nobody listens on.
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "--local-addr", "127.0.0.1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([*command, __file__, folder], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", CONFIGS)
def test_two_processes_train_as_one_does(name: str, together: Path) -> None:
    """Weights, and the losses of every epoch; to the last bits, as sums are in another order."""
    expected = trained(CONFIGS[name])
    for rank in (0, 1):
        found = torch.load(together / f"{name}-{rank}.pt", weights_only=True)
        for key, value in expected.items():
            torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-5)


def test_all_processes_have_the_same_network(together: Path) -> None:
    """To the bit."""
    for name in CONFIGS:
        one, other = (torch.load(together / f"{name}-{rank}.pt", weights_only=True) for rank in (0, 1))
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_processes_shared_the_work(together: Path) -> None:
    """There were two of them, so that the tests above are about something."""
    assert [json.loads((together / f"group-{rank}.json").read_text()) for rank in (0, 1)] == [[0, 2], [1, 2]]


def _main(folder: Path) -> None:
    """One of the processes."""
    with joined("cpu") as group:
        (folder / f"group-{group.rank}.json").write_text(json.dumps([group.rank, group.world]))
        for name, config in CONFIGS.items():
            torch.save(trained(config), folder / f"{name}-{group.rank}.pt")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
