"""SOURCE of the command line: a training run, or a module in a user's package, with weights from a file."""

from rnnedge.sources._model_source import ModelSource, load_source
from rnnedge.sources._weights import load_weights

__all__ = ["ModelSource", "load_source", "load_weights"]
