"""Fit a network to sequences, and keep it."""

from rnnedge.training.checkpoint import RunInfo, load_checkpoint, save_checkpoint
from rnnedge.training.data import SequenceData
from rnnedge.training.trainer import Epoch, TrainerConfig, TrainResult, evaluate, fit

__all__ = [
    "Epoch",
    "RunInfo",
    "SequenceData",
    "TrainResult",
    "TrainerConfig",
    "evaluate",
    "fit",
    "load_checkpoint",
    "save_checkpoint",
]
