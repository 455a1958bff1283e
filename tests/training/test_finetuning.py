"""Fine-tuning mends what rounding broke, keeps the best, and goes on where it was interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import Epoch, SequenceData, TrainerConfig, TrainResult, evaluate, fake_quantized, finetune, fit
from rnnedge_export.precision import grids
from rnnedge_runtime import InputError, ModelRefused

CONFIG = TrainerConfig(loss="mse", epochs=5, batch_size=16, learning_rate=3e-3)
ROUNDED = replace(CONFIG, precision="int4")


def delayed(seed: int) -> SequenceData:
    """The features of two frames ago, for 12 to 24 frames: what has to be remembered exactly."""
    rng = np.random.default_rng(seed)
    x = [rng.standard_normal((int(rng.integers(12, 25)), 2)).astype(np.float32) for _ in range(128)]
    return SequenceData(tuple(x), tuple(np.concatenate([np.zeros((2, 2), np.float32), f[:-2]]) for f in x))


@pytest.fixture(scope="module")
def trained() -> dict[str, torch.Tensor]:
    """Weights of a network that has learned it in float32."""
    network = new()
    fit(network, delayed(1), delayed(2), replace(CONFIG, epochs=40, learning_rate=2e-2))
    return network.state_dict()


def new(weights: dict[str, torch.Tensor] | None = None) -> RecurrentNetwork:
    """A GRU of 12 units, with dropout, so that every generator has its part."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("gru", 2, 12, 2, dropout=0.01))
    if weights is not None:
        network.load_state_dict(weights)
    return network


def noisy(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Training data with noise."""
    return x + 0.01 * torch.randn(x.shape, generator=generator)


def tune(network: RecurrentNetwork, **options: object) -> TrainResult:
    """The fine-tuning that these tests interrupt; dropout uses torch's own generator."""
    torch.manual_seed(0)
    return finetune(network, delayed(1), delayed(2), CONFIG, "int4", **{"augment": noisy, **options})  # type: ignore[arg-type]


def test_the_rounded_network_gets_better(trained: dict[str, torch.Tensor]) -> None:
    """What rounding broke is mostly mended, and not by training alone; the best epoch's weights are kept."""
    network, other = new(trained), new(trained)
    before = evaluate(network, delayed(3), ROUNDED).loss
    result = tune(network)
    torch.manual_seed(0)
    fit(other, delayed(1), delayed(2), CONFIG, augment=noisy)
    after, trained_on = (evaluate(n, delayed(3), ROUNDED).loss for n in (network, other))
    assert before > 2 * evaluate(new(trained), delayed(3), CONFIG).loss
    assert after < 0.6 * before and after < 0.75 * trained_on
    assert result.start_loss == evaluate(new(trained), delayed(2), ROUNDED).loss
    losses = [e.validation_loss for e in result.epochs]
    assert losses[result.best - 1] == min(losses)
    assert evaluate(network, delayed(2), CONFIG).loss == pytest.approx(min(losses), rel=1e-5)


def test_the_network_then_holds_what_its_file_will(trained: dict[str, torch.Tensor]) -> None:
    """Its weights stand on the exporter's grid already: rounding them changes no more than the last bit."""
    network = new(trained)
    tune(network)
    for name in ("layers.0.weight_ih_l0", "layers.0.weight_hh_l0"):
        before, after = trained[name].numpy().T, network.state_dict()[name].numpy().T
        np.testing.assert_allclose(after, grids.per_block(after, 4).widened(), rtol=2e-7)
        assert not np.allclose(before, grids.per_block(before, 4).widened(), rtol=1e-3)


def test_where_nothing_gets_better_the_weights_are_rounded(trained: dict[str, torch.Tensor]) -> None:
    """A learning rate that destroys the network leaves it as it was, on the grid: the best epoch is 0."""
    network = new(trained)
    result = finetune(network, delayed(1), delayed(2), replace(CONFIG, learning_rate=30.0), "int4")
    assert result.best == 0 and len(result.epochs) == CONFIG.epochs
    expected = fake_quantized(new(trained), "int4")
    assert all(torch.equal(network.state_dict()[name], w) for name, w in expected.items())


def test_a_killed_training_ends_as_if_nothing_had_happened(trained: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """Killed by SIGKILL after an epoch, in the middle of the next one, and resumed: the same weights to the bit."""
    torch.save(trained, tmp_path / "trained.pt")
    child = subprocess.run([sys.executable, __file__, str(tmp_path)], env=os.environ, check=False)
    assert child.returncode == -signal.SIGKILL
    seen: list[int] = []
    resumed, whole = new(trained), new(trained)
    found = tune(resumed, state=tmp_path / "state", resume=True, progress=lambda e: seen.append(e.number))
    expected = tune(whole)
    assert seen == [4, 5]
    assert found == expected
    assert all(torch.equal(resumed.state_dict()[name], w) for name, w in whole.state_dict().items())


@pytest.mark.parametrize("epoch", [1, 5])
def test_an_interrupted_training_keeps_the_best_and_goes_on(
    epoch: int, trained: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    """Ctrl-C leaves the best so far in the network; resumed, the end is the same."""

    def stop(found: Epoch) -> None:
        if found.number == epoch:
            raise KeyboardInterrupt

    network, whole = new(trained), new(trained)
    result = tune(network, state=tmp_path / "state", progress=stop)
    assert result.interrupted and len(result.epochs) == epoch
    losses = [result.start_loss, *(e.validation_loss for e in result.epochs)]
    assert evaluate(network, delayed(2), CONFIG).loss == pytest.approx(min(losses), rel=1e-5)
    again = new(trained)
    found = tune(again, state=tmp_path / "state", resume=True)
    assert found == tune(whole)
    assert all(torch.equal(again.state_dict()[name], w) for name, w in whole.state_dict().items())


def test_training_from_the_start_can_be_resumed_too(tmp_path: Path) -> None:
    """`fit` in float32, interrupted before its first epoch has ended."""

    def stop(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        raise KeyboardInterrupt

    one, two = new(), new()
    torch.manual_seed(1)
    assert fit(one, delayed(1), delayed(2), CONFIG, augment=stop, state=tmp_path / "state").epochs == ()
    found = fit(one, delayed(1), delayed(2), CONFIG, augment=noisy, state=tmp_path / "state", resume=True)
    torch.manual_seed(1)
    assert found == fit(two, delayed(1), delayed(2), CONFIG, augment=noisy)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


@pytest.mark.parametrize(
    "what", ["1 as its seed", "0.2 as its network's dropout", "as its digest of the weights", "as its digest of the tr"]
)
def test_another_training_is_not_resumed(what: str, trained: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """The message says what differs; the network that was given keeps its weights."""
    tune(new(trained), state=tmp_path / "state")
    network, config, data = new(trained), CONFIG, delayed(1)
    if "seed" in what:
        config = replace(CONFIG, seed=1)
    elif "dropout" in what:
        network = RecurrentNetwork(replace(network.config, dropout=0.2))
    elif "weights" in what:
        network = new()
    else:
        data = delayed(3)
    before = {name: w.clone() for name, w in network.state_dict().items()}
    with pytest.raises(InputError, match=f"belongs to another training: expected .*{what}"):
        finetune(network, data, delayed(2), config, "int4", state=tmp_path / "state", resume=True)
    assert all(torch.equal(network.state_dict()[name], w) for name, w in before.items())


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "empty", "foreign"])
def test_a_damaged_state_is_refused(damage: str, trained: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """One line that names the file."""
    import hashlib

    path = tmp_path / "state"
    tune(new(trained), state=path)
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        middle = len(data) // 2
        changed = {
            "cut": data[:middle],
            "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "empty": b"",
            "foreign": hashlib.sha256(b"PK").hexdigest().encode() + b"PK",
        }
        path.write_bytes(changed[damage])
    with pytest.raises(InputError if damage == "missing" else ModelRefused, match=str(path)):
        tune(new(trained), state=path, resume=True)


def test_another_precision_is_refused() -> None:
    """float32 is no fine-tuning."""
    with pytest.raises(ValueError, match="expected one of int8, int4, found 'float32'"):
        finetune(new(), delayed(1), delayed(2), CONFIG, "float32")


def _be_killed(folder: Path) -> None:
    """The child of the test above: SIGKILL in the first step after the third epoch."""
    epochs = 0

    def count(epoch: Epoch) -> None:
        nonlocal epochs
        epochs = epoch.number

    def deadly(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if epochs == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return noisy(x, generator)

    network = new(torch.load(folder / "trained.pt"))
    tune(network, augment=deadly, progress=count, state=folder / "state")


if __name__ == "__main__":
    _be_killed(Path(sys.argv[1]))
