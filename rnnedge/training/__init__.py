"""Fit a network to sequences, and keep it."""

from rnnedge.training.checkpoint import RunInfo, load_checkpoint, save_checkpoint
from rnnedge.training.data import SequenceData
from rnnedge.training.finetuning import finetune
from rnnedge.training.quantization import fake_quantized
from rnnedge.training.state import Epoch
from rnnedge.training.trainer import TrainerConfig, TrainResult, evaluate, fit

__all__ = [
    "Epoch",
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
