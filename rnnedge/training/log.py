"""What a training run writes down as it goes: `metrics.jsonl`, a line an epoch, and TensorBoard's files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnedge.training._epoch import Epoch
from rnnedge_runtime.atomic import write_text
from rnnedge_runtime.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

METRICS = "metrics.jsonl"


def record(folder: Path, epoch: Epoch) -> None:
    """Add `epoch` to `metrics.jsonl`, in the place of a line of the same or a later number, from a resumed run.

    The file is replaced as a whole, so a crash leaves the older one. Raises `InputError` where it cannot be written.
    """
    path = folder / METRICS
    earlier = [line for line in _lines(path) if line.get("number", 0) < epoch.number]
    write_text(path, "".join(json.dumps(line) + "\n" for line in [*earlier, asdict(epoch)]))


def read_log(folder: Path) -> list[Epoch]:
    """Every epoch of the run in `folder`; none where nothing was written down.

    Raises `InputError` for a line that is none of ours.
    """
    try:
        return [Epoch(**{**line, "dead": tuple(line["dead"])}) for line in _lines(folder / METRICS)]
    except (TypeError, KeyError) as error:
        raise InputError(f"{folder / METRICS}: not a log of this version ({error})") from error


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise InputError(f"{path}: expected a JSON object in every line ({error}); delete it to go on") from error


class TensorBoard:
    """Curves for `tensorboard --logdir`; made by `tensorboard`, and closed by it."""

    def __init__(self, writer: SummaryWriter) -> None:
        """Around torch's writer."""
        self._writer = writer

    def record(self, epoch: Epoch) -> None:
        """One point of every curve."""
        values = {
            "loss/training": epoch.train_loss,
            "loss/validation": epoch.validation_loss,
            "gradient norm/mean": epoch.gradient_norm,
            "gradient norm/largest": epoch.largest_gradient_norm,
            "learning rate": epoch.learning_rate,
            **{f"validation/{name}": value for name, value in epoch.metrics.items()},
            **{f"dead units/layer {index}": share for index, share in enumerate(epoch.dead)},
        }
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch.number)
        self._writer.flush()


@contextmanager
def tensorboard(folder: Path | None) -> Iterator[TensorBoard | None]:
    """A TensorBoard log in `folder`, or none. Raises `MissingExtra` where TensorBoard is not installed."""
    if folder is None:
        yield None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtra("TensorBoard is not installed; install 'rnnedge[tensorboard]'") from error
    writer = SummaryWriter(str(folder))
    try:
        yield TensorBoard(writer)
    finally:
        writer.close()
