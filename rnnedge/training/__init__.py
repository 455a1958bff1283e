"""Fit a network to sequences, and keep it."""

from rnnedge.training.checkpoint import RunInfo, load_checkpoint, save_checkpoint
from rnnedge.training.config import TrainerConfig
from rnnedge.training.data import SequenceData
from rnnedge.training.epoch import Epoch
from rnnedge.training.evaluation import Evaluation, evaluate
from rnnedge.training.finetuning import finetune
from rnnedge.training.quantization import fake_quantized
from rnnedge.training.trainer import Diverged, TrainResult, fit

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
    "save_checkpoint",
]
