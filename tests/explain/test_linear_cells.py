"""The gates of minGRU and minLSTM are those of the papers, and say what is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnedge.explain._own_cells import min_gru, min_lstm
from rnnedge.explain.cells import READERS
from rnnedge.explain.gates import CELLS
from rnnedge.nn.minimal import MinGRU, MinLSTM


@pytest.mark.parametrize(("kind", "read"), [(MinGRU, min_gru), (MinLSTM, min_lstm)])
def test_the_gates_make_the_states(kind: type, read: object) -> None:
    """h_t = kept h_{t-1} + (1 - kept) candidate, in numpy, gives the states that the layer gives."""
    torch.manual_seed(0)
    layer, x = kind(3, 5), torch.randn(1, 20, 3)
    inner = READERS[kind](layer, x, None)
    with torch.no_grad():
        gates = {name: value[0].double().numpy() for name, value in inner.gates.items()}
        expected = layer(x)[0][0].numpy()
    name = next(iter(gates))
    kept = gates[name] if CELLS[inner.cell][name].keeps == "value" else 1 - gates[name]
    h, found = np.zeros(5), []
    for share, candidate in zip(kept, gates["candidate"], strict=True):
        h = share * h + (1 - share) * candidate
        found.append(h)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert READERS[kind] is read
