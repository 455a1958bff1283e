"""Pruned weights are zero by whole groups, the least ones; the rest learns again; the native engine skips them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import nn
from torch.func import functional_call

from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import SequenceData, TrainerConfig, evaluate, finetune, fit, pruned
from rnnedge.training.pruning import GROUP, without_least
from rnnedge_export.codegen._source import write_c
from rnnedge_runtime import InputError, load

CONFIG = TrainerConfig(loss="mse", epochs=12, batch_size=16, learning_rate=2e-2)


def test_the_least_groups_are_zero_and_the_others_are_what_they_were() -> None:
    """By a loop over all groups, where outputs are a multiple of a group and where they are not."""
    rng = np.random.default_rng(0)
    for outputs, inputs in ((64, 64), (70, 60), (16, 300)):
        w = rng.standard_normal((outputs, inputs)).astype(np.float32)
        groups = [(a, k) for a in range(0, outputs, GROUP) for k in range(inputs)]
        ordered = sorted(groups, key=lambda g: float(np.square(w[g[0] : g[0] + GROUP, g[1]]).sum()))
        expected = w.copy()
        for a, k in ordered[: round(0.3 * len(groups))]:
            expected[a : a + GROUP, k] = 0
        np.testing.assert_array_equal(without_least(torch.from_numpy(w), 0.3).numpy(), expected)


def test_what_is_small_and_what_is_no_product_stays() -> None:
    """Units that are no multiple of a group, too; gradients reach what is zero now."""
    module = nn.ModuleDict(
        {
            "lstm": nn.LSTM(64, 32),
            "odd": nn.GRU(64, 40),
            "head": nn.Linear(64, 70),
            "small": nn.Linear(8, 8),
            "table": nn.Embedding(100, 64),
            "convolution": nn.Conv1d(32, 32, 5),
        }
    )
    found = pruned(module, 0.5)
    changed = {name for name, w in module.named_parameters() if not torch.equal(found[name], w)}
    assert changed == {"lstm.weight_ih_l0", "lstm.weight_hh_l0", "head.weight"}
    x = torch.randn(3, 64)
    head = module["head"]
    functional_call(head, pruned(head, 0.5), (x,)).sum().backward()
    torch.testing.assert_close(head.weight.grad, x.sum(0).expand(70, 64))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    """All of the weights, too."""
    with pytest.raises(InputError, match="prune: expected a share above 0 and below 1"):
        pruned(nn.Linear(64, 64), share)


def test_a_network_without_large_matrices_is_refused() -> None:
    """Before the first epoch."""
    network = RecurrentNetwork(NetworkConfig("gru", 2, 8, 2))
    with pytest.raises(InputError, match="prune: expected a recurrent or linear layer of at least 4096 weights"):
        finetune(network, delayed(1), delayed(2), CONFIG, prune=0.5)
    with pytest.raises(InputError, match="prune or quantize"):
        finetune(network, delayed(1), delayed(2), CONFIG, "int8", prune=0.5)


def delayed(seed: int) -> SequenceData:
    """The features of a frame ago."""
    rng = np.random.default_rng(seed)
    x = [rng.standard_normal((12, 2)).astype(np.float32) for _ in range(64)]
    return SequenceData(tuple(x), tuple(np.concatenate([np.zeros((1, 2), np.float32), f[:-1]]) for f in x))


def test_fine_tuning_mends_what_pruning_broke() -> None:
    """Nine tenths of the groups of a GRU of 48 units."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("gru", 2, 48, 2))
    train, held_out = delayed(1), delayed(2)
    fit(network, train, held_out, CONFIG)
    broken = evaluate(network, held_out, TrainerConfig(loss="mse", prune=0.9, batch_size=16)).loss
    finetune(network, train, held_out, CONFIG, prune=0.9)
    assert evaluate(network, held_out, CONFIG).loss < 0.7 * broken
    w = network.get_parameter(next(n for n, p in network.named_parameters() if tuple(p.shape) == (144, 48))).detach()
    groups = w.reshape(-1, GROUP, 48).ne(0).any(1)
    assert int(groups.sum()) == groups.numel() - round(0.9 * groups.numel())


@pytest.mark.parametrize("form", ["step", pytest.param("native", marks=pytest.mark.long)])
def test_the_engine_skips_what_was_pruned(form: str, tmp_path: Path) -> None:
    """Its library computes what PyTorch does with the zeros."""
    torch.manual_seed(0)
    module = nn.GRU(96, 48, batch_first=True).eval()
    module.load_state_dict({**module.state_dict(), **pruned(module, 0.6)})
    path = tmp_path / "net.onnx"
    quickly.export(module, torch.randn(1, 5, 96), path, form=form)
    assert "sparse_product(" in write_c(path.read_bytes(), "net", lanes=16).c
    x = np.random.default_rng(3).standard_normal((40, 96)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)[None])[0][0].numpy()
    np.testing.assert_allclose(load(path, provider="native").run(x), expected, atol=1e-5)
