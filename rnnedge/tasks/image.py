"""Which digit is it? Handwritten digits of 8 x 8 pixels, read row by row from the top.

Optical Recognition of Handwritten Digits (Alpaydin & Kaynak, UCI Machine Learning Repository, 1998): 1,797 images of 13
writers, grey values 0 to 16. The data is read from the installed scikit-learn package; nothing is downloaded.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rnnedge.training import SequenceData
from rnnedge.training._trainer import Augment
from rnnedge.training.splits import Splits
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import MissingExtra

_OF, _TEST, _VALIDATION = 5, 4, 2
_NOISE = 1.5


def load() -> Splits:
    """Images as sequences of 8 frames (rows) of 8 features (grey values), with their digits "0" to "9".

    Of the images of each digit, in the order of the data set, every fifth is for the test; of the others every fifth is
    held out for validation. Raises `MissingExtra` where scikit-learn is not installed.
    """
    images, digits = _digits()
    labels = tuple(map(str, range(10)))
    frames = tuple(np.ascontiguousarray(image, np.float32) for image in images)
    everything = SequenceData(frames, tuple(map(int, digits)), labels)
    parts = _parts(digits)
    train, validation, test = (everything.part(np.flatnonzero(parts == part).tolist()) for part in range(3))
    return Splits(train, validation, test)


def shaking(_: SequenceData) -> Augment:
    """How training images are changed: see `shaken`."""
    return shaken


def shaken(x: Tensor, generator: torch.Generator) -> Tensor:
    """Images (batch, row, column) float32, moved by at most a pixel each way, with noise on their grey values."""
    wide = torch.nn.functional.pad(x, (1, 1, 1, 1))
    down, right = torch.randint(0, 3, (2, len(x), 1, 1), generator=generator)
    image = torch.arange(len(x))[:, None, None]
    moved = wide[image, torch.arange(x.shape[1])[:, None] + down, torch.arange(x.shape[2]) + right]
    return moved + _NOISE * torch.randn(x.shape, generator=generator)


def _parts(digits: Array) -> Array:
    """0 for training, 1 for validation, 2 for the test, of each image."""
    parts = np.zeros(len(digits), int)
    for digit in np.unique(digits):
        places = np.flatnonzero(digits == digit)
        count = np.arange(len(places))
        parts[places[count % _OF == _TEST]] = 2
        rest = places[count % _OF != _TEST]
        parts[rest[np.arange(len(rest)) % _OF == _VALIDATION]] = 1
    return parts


def _digits() -> tuple[Array, Array]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtra("the image task needs scikit-learn; install 'rnnedge[tasks]'") from error
    data = load_digits()
    return data.images, data.target
