"""Fit a network to sequences, and keep it."""

from rnnedge.training._config import TrainerConfig
from rnnedge.training._data import SequenceData
from rnnedge.training._epoch import Epoch
from rnnedge.training._evaluation import Evaluation, evaluate
from rnnedge.training._trainer import Diverged, TrainResult, fit
from rnnedge.training.checkpoint import RunInfo, load_checkpoint, save_checkpoint
from rnnedge.training.finetuning import finetune
from rnnedge.training.pruning import pruned
from rnnedge.training.quantization import fake_quantized

__all__ = [
    "Diverged",
    "Epoch",
    "Evaluation",
    "RunInfo",
    "SequenceData",
    "TrainResult",
    "TrainerConfig",
    "evaluate",
    "fake_quantized",
    "finetune",
    "fit",
    "load_checkpoint",
    "pruned",
    "save_checkpoint",
]
