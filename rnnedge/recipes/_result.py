"""What a training came to: numbers, sentences, and the page and table that are left in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rnnedge.nn import RecurrentNetwork
from rnnedge.report.training_page import PAGE, TABLE, write_confusion, write_training_page
from rnnedge.training import RunInfo, TrainResult
from rnnedge.training.metrics import Confusion

_SHARES = ("accuracy", "f1")


@dataclass(frozen=True)
class Run:
    """A trained network, its training, and how well it does on the test data, streamed.

    `metrics`: "test_loss" and every metric with "test_" before its name. `rounded`: those of the network before
    fine-tuning, its weights rounded; empty where none was fine-tuned. `guess`: what is reached without looking, by
    "accuracy" of the most frequent class, or "loss" of the mean. `confusion`: of the test data, a row for each class as
    it is; empty if there are no classes. `remarks`: what to do about a training that did not come to its end.
    """

    network: RecurrentNetwork
    info: RunInfo
    result: TrainResult
    metrics: dict[str, float]
    folder: Path
    rounded: dict[str, float]
    guess: Mapping[str, float] = field(default_factory=dict)
    confusion: Confusion = ()
    remarks: tuple[str, ...] = ()

    def sentence(self) -> str:
        """What was reached, with the figure of a guess, and after which epoch."""
        words = [f"test {in_words(self.metrics)}"]
        if self.info.quantized_for:
            words[0] += f" in {self.info.quantized_for}"
        if self.info.pruned:
            words[0] += f" without {self.info.pruned:.0%} of the groups of weights"
        if self.rounded:
            words.append(f"{in_words(self.rounded)} before fine-tuning")
        epochs = f"best of {len(self.result.epochs)} epochs: {self.result.best or 'none, as it was'}"
        guess = [f"guessing gives {in_words(self.guess)}"] if self.guess else []
        return ", ".join([*words, epochs, *guess])


def in_words(metrics: Mapping[str, float]) -> str:
    """Metrics without the loss, if there are others."""
    named = {name.removeprefix("test_"): value for name, value in metrics.items()}
    shown = {name: value for name, value in named.items() if name != "loss"} or named
    return ", ".join(f"{n} {v:.1%}" if n in _SHARES else f"{n} {v:.4g}" for n, v in shown.items())


def write_summary(run: Run) -> None:
    """`training.html` and, if there are classes, `confusion.csv` in the folder of the run."""
    sentences = [run.sentence(), *run.remarks]
    title, labels = f"Training {run.folder.name}", run.info.labels
    write_training_page(title, sentences, run.result.epochs, labels, run.confusion, run.folder / PAGE)
    if run.confusion:
        write_confusion(labels, run.confusion, run.folder / TABLE)
