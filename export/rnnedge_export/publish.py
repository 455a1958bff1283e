"""The one door through which a proven file reaches the disk."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from rnnedge_runtime.atomic import write_bytes
from rnnedge_runtime.checksum import check_seal
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import ModelRefused, VerificationError
from rnnedge_runtime.golden_dependence import SHOWS_NOTHING, depends_on_frames
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.trust import remember
from rnnedge_runtime.untrusted.contract_limits import check_promises
from rnnedge_runtime.untrusted.limits import LIMITS, Limits
from rnnedge_runtime.untrusted.policy import check_policy


class NotPortableWarning(UserWarning):
    """The file is more than the strict loader of another machine takes; it says why, and how to load it there."""


def publish(path: str | os.PathLike[str], data: bytes, contract: Contract, limits: Limits = LIMITS) -> tuple[Path, str]:
    """Write the file whole or not at all, and remember it as made here; returns where it is, and its SHA-256.

    What a strict loader never reads was refused by `stamp`. What is only more than it takes (`limits`) is written, with
    a `NotPortableWarning`: the file is right, and too large for a reader that does not know its maker.
    """
    digest = check_seal(data, os.fspath(path))
    reason = too_much(data, contract, limits)
    if reason is not None:
        warnings.warn(
            f"{os.fspath(path)}: loads on other machines with trust='local' only: {reason}; say so to whoever runs it, "
            "and sign the file, or make the network smaller",
            NotPortableWarning,
            stacklevel=4,
        )
    target = write_bytes(path, data)
    remember(digest)
    return target, digest


def check_written(path: Path, proven: str) -> None:
    """What lies on the disk is what was proven, whose digest is `proven`; any other file is taken away.

    Raises `VerificationError`.
    """
    try:
        found = check_seal(path.read_bytes(), os.fspath(path))
    except ModelRefused as error:
        found = str(error)
    if found != proven:
        path.unlink(missing_ok=True)
        raise VerificationError(f"{path}: expected the file that was proven, {proven}, found {found}; export it again")


def too_much(data: bytes, contract: Contract, limits: Limits = LIMITS) -> str | None:
    """Why a strict loader with `limits` would refuse the file, in its own words; None where it takes it."""
    try:
        check_policy(data, limits)
        check_promises(contract, limits)
        loaded = load_bytes(data, "the file", trust="local").loaded
    except ModelRefused as error:
        return str(error)
    return None if depends_on_frames(loaded) else f"golden sample: {SHOWS_NOTHING}"
