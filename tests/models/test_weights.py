"""Weights from a file are the module's, or are refused before they are unpacked."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from in_one_test import in_one_test
from safetensors.torch import save_file
from torch import nn

from rnnedge.sources._weights import load_weights
from rnnedge_runtime import ModelRefused


def network(seed: int) -> nn.Module:
    """A GRU with weights of its own."""
    torch.manual_seed(seed)
    return nn.GRU(3, 4)


@pytest.mark.parametrize("ending", [".pt", ".pth", ".safetensors"])
def test_weights_come_from_either_format(ending: str, tmp_path: Path) -> None:
    """Every tensor of the file is in the module afterwards."""
    source, target = network(0), network(1)
    path = tmp_path / f"w{ending}"
    save: Callable[..., object] = save_file if ending == ".safetensors" else torch.save
    save(source.state_dict(), path)
    load_weights(target, path)
    for key, tensor in source.state_dict().items():
        torch.testing.assert_close(target.state_dict()[key], tensor, rtol=0, atol=0)


_OWN = network(0).state_dict()
_MEAN = network(3).state_dict()


def _behind(begin: str, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {begin + key: tensor for key, tensor in weights.items()}


@in_one_test(
    "checkpoint",
    [
        {"epoch": 3, "state_dict": _OWN, "optimizer": {"lr": 0.1}},
        {"generator": _OWN, "discriminator": {"w": torch.zeros(1)}, "step": torch.tensor(3)},
        {"best": _behind("module.", _OWN)},
        {"model": _OWN, "ema": _MEAN},
        {"state_dict": {**_behind("model.", _OWN), "criterion.weight": torch.zeros(3)}},
        {"hyper_parameters": {"size": 4}, "state_dict": _behind("net.encoder.", _OWN)},
        {"model": {"net": {"state_dict": _behind("core.", _OWN), "step": 3}}, "history": [1, 2]},
        {**_behind("net.", _OWN), "epoch": 3, "best": None},
        _behind("_orig_mod.", _OWN),
        _behind("module._orig_mod.", _OWN),
    ],
)
def test_a_checkpoint_holds_them_next_to_other_things(checkpoint: object, tmp_path: Path) -> None:
    """By the names that training loops, wrappers and compilers give them, and by endings of their own."""
    torch.save(checkpoint, tmp_path / "w.pth.tar")
    module = network(1)
    load_weights(module, tmp_path / "w.pth.tar")
    for key, tensor in _OWN.items():
        torch.testing.assert_close(module.state_dict()[key], tensor, rtol=0, atol=0)


@in_one_test(
    ("checkpoint", "places"),
    [
        ({"state_dict": {**_behind("a.", _OWN), **_behind("b.", _MEAN)}}, r"'state_dict: a\.', 'state_dict: b\.'"),
        ({"best": _OWN, "last": _MEAN}, "'best', 'last'"),
        ({**_behind("_orig_mod.", _MEAN), **_OWN}, r"'_orig_mod\.', ''"),
    ],
)
def test_of_two_that_would_do_none_is_guessed(checkpoint: object, places: str, tmp_path: Path) -> None:
    """Weights and their average are other networks, and nobody sees it in the file."""
    torch.save(checkpoint, tmp_path / "w.ckpt")
    with pytest.raises(ModelRefused, match=f"has the network's weights 2 times \\({places}\\); save one"):
        load_weights(network(1), tmp_path / "w.ckpt")


def test_an_archive_that_grows_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state dict whose parts were compressed: torch would unpack it without a word, and is not asked to."""
    torch.save({"w": torch.zeros(4_000_000)}, tmp_path / "plain.pt")
    bomb = tmp_path / "bomb.pt"
    with zipfile.ZipFile(tmp_path / "plain.pt") as plain, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        for part in plain.infolist():
            packed.writestr(part.filename, plain.read(part))
    assert bomb.stat().st_size < 100_000
    assert torch.load(bomb, weights_only=True)["w"].numel() == 4_000_000
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the archive was given to torch"))
    with pytest.raises(ModelRefused, match=r"bomb\.pt: .*expected parts that are stored, found a compressed one"):
        load_weights(network(0), bomb)


def test_parts_that_share_their_bytes_are_not_unpacked(tmp_path: Path) -> None:
    """A hundred entries of one megabyte, all of them the same one."""
    path = tmp_path / "w.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/data/0", bytes(1 << 20))
        for number in range(100):
            twin = zipfile.ZipInfo(f"w/data/{number + 1}")
            first = archive.infolist()[0]
            for field in ("header_offset", "CRC", "compress_size", "file_size", "external_attr"):
                setattr(twin, field, getattr(first, field))
            archive.filelist.append(twin)
        archive._didModify = True
    with pytest.raises(ModelRefused, match="expected parts of at most"):
        load_weights(network(0), path)


class _Opens:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("opened",)


def test_a_pickle_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a bare one nor one in an archive makes what it wants to make."""
    monkeypatch.chdir(tmp_path)
    Path("bare.pt").write_bytes(pickle.dumps(_Opens()))
    torch.save({"w": _Opens()}, "packed.pt")
    for name, words in (("bare.pt", "older format"), ("packed.pt", "holds more than tensors")):
        with pytest.raises(ModelRefused, match=words) as caught:
            load_weights(network(0), name)
        assert "\n" not in str(caught.value)
    assert not Path("opened").exists()


def _as(change: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: change(tensor) for key, tensor in sorted(network(0).state_dict().items())}


def test_smaller_numbers_are_taken(tmp_path: Path) -> None:
    """What is exact in the network's own type: halves, and float8."""
    for dtype in (torch.float16, torch.bfloat16, torch.float8_e4m3fn):
        torch.save(_as(lambda w, dtype=dtype: w.to(dtype)), tmp_path / "w.pt")
        module = network(1)
        load_weights(module, tmp_path / "w.pt")
        for key, tensor in network(0).state_dict().items():
            torch.testing.assert_close(module.state_dict()[key], tensor.to(dtype).float(), rtol=0, atol=0)


def test_a_dict_in_a_million_places_is_looked_at_once(tmp_path: Path) -> None:
    """A pickle holds it once, and names it as often as it likes; also in itself."""
    within: dict[str, object] = {"state_dict": _OWN}
    within["again"] = within
    for _ in range(4):
        within = dict.fromkeys(map(str, range(400)), within)
    torch.save(within, tmp_path / "w.pt")
    with pytest.raises(ModelRefused, match="expected a state dict"):
        load_weights(network(1), tmp_path / "w.pt")
    torch.save({"best": within["0"]["0"], "last": within["1"]["0"]}, tmp_path / "w.pt")  # type: ignore[index]
    load_weights(network(1), tmp_path / "w.pt")


@in_one_test(
    ("found", "words"),
    [
        ({"weight_ih_l0": torch.zeros(12, 3)}, r"expected the 4 weights of GRU; it lacks 3, such as 'bias_hh_l0'"),
        ({**network(0).state_dict(), "x": torch.zeros(1)}, r"it has unknown 1, such as 'x'"),
        (
            {**network(0).state_dict(), "bias_hh_l0": torch.zeros(3)},
            r"bias_hh_l0: expected shape \(12,\), found \(3,\)",
        ),
        ({"a": 3}, "expected a state dict"),
        (_as(lambda w: w.to_sparse()), "bias_hh_l0: expected a plain array of numbers, found one that is sparse"),
        (_as(lambda w: w.to("meta")), "found one that is without numbers"),
        (_as(lambda w: w * 1j), r"expected real numbers \(torch.float32\), found complex numbers"),
        (_as(lambda w: (10 * w).int()), "found whole numbers"),
        (_as(lambda w: w > 0), "found truth values"),
        (_as(lambda w: 1e300 * w.double()), "expected numbers within torch.float32, found larger ones"),
        ([torch.zeros(1)], "expected a state dict, names and tensors, found list"),
    ],
)
def test_weights_of_another_network_are_named(found: object, words: str, tmp_path: Path) -> None:
    """One name or shape that differs is enough, and the module stays as it was."""
    torch.save(found, tmp_path / "w.pt")
    module = network(0)
    with pytest.raises(ModelRefused, match=words):
        load_weights(module, tmp_path / "w.pt")
    for key, tensor in network(0).state_dict().items():
        torch.testing.assert_close(module.state_dict()[key], tensor, rtol=0, atol=0)


def test_files_that_hold_no_weights_are_named(tmp_path: Path) -> None:
    """A missing one, another ending, damaged bytes of both formats."""
    (tmp_path / "w.safetensors").write_bytes(b"\xff" * 100)
    (tmp_path / "w.txt").write_text("weights")
    torch.save(network(0).state_dict(), tmp_path / "w.pt")
    data = (tmp_path / "w.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(data[: len(data) // 2])
    for name, words in (("none.pt", "no such file"), ("w.txt", "found .txt"), ("w.safetensors", "cannot be read as"),
                        ("cut.pt", "older format")):  # fmt: skip
        with pytest.raises(ModelRefused, match=words):
            load_weights(network(0), tmp_path / name)
