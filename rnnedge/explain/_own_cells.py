"""Inner values of the cells of `rnnedge.nn`, frame by frame; see `cells`."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnedge.explain.cells import Inner, State, reads, stacked
from rnnedge.nn.elman import SigmoidRNN
from rnnedge.nn.lstm import VariantLSTM
from rnnedge.nn.minimal import MinGRU, MinLSTM


@reads(SigmoidRNN, start=lambda values: values["hidden"])
def sigmoid_rnn(module: SigmoidRNN, x: Tensor, state: State) -> Inner:
    """The hidden state is all there is."""
    y, _ = module(x, state)
    return Inner("RNN", {"hidden": y}, {})


@reads(VariantLSTM, start=lambda values: (values["hidden"], values["cell"]))
def variant_lstm(module: VariantLSTM, x: Tensor, state: State) -> Inner:
    """The equations of the class, with peepholes p (3, hidden), layer norm and projection where it has them."""
    h, c = state if state is not None else (x.new_zeros(len(x), n) for n in (module.output_size, module.hidden_size))
    p = module.peepholes if module.peepholes is not None else x.new_zeros(3, 1)
    names = ("cell", "hidden", "input_gate", "forget_gate", "candidate", "output_gate")
    rows: dict[str, list[Tensor]] = {name: [] for name in names}
    for wx in (module.norm_x(x @ module.weight_ih.T) + module.bias).unbind(1):
        i, f, g, o = (wx + module.norm_h(h @ module.weight_hh.T)).chunk(4, -1)
        i, f, g = torch.sigmoid(i + p[0] * c), torch.sigmoid(f + p[1] * c), torch.tanh(g)
        c = f * c + i * g
        o = torch.sigmoid(o + p[2] * c)
        h = o * torch.tanh(module.norm_c(c))
        h = h if module.weight_hr is None else h @ module.weight_hr.T
        for row, value in zip(rows.values(), (c, h, i, f, g, o), strict=True):
            row.append(value)
    return stacked("LSTM", rows, ("cell", "hidden"))


@reads(MinGRU, start=lambda values: values["hidden"])
def min_gru(module: MinGRU, x: Tensor, state: State) -> Inner:
    """The gate and the candidate read the frame alone."""
    z, candidate = module.gates(x).chunk(2, dim=-1)
    return Inner("minGRU", {"hidden": module(x, state)[0]}, {"update_gate": torch.sigmoid(z), "candidate": candidate})


@reads(MinLSTM, start=lambda values: values["hidden"])
def min_lstm(module: MinLSTM, x: Tensor, state: State) -> Inner:
    """f' = f / (f + i), the share that is kept; what comes in is the rest."""
    i, f, candidate = module.gates(x).chunk(3, dim=-1)
    kept = torch.sigmoid(f) / (torch.sigmoid(f) + torch.sigmoid(i))
    return Inner("minLSTM", {"hidden": module(x, state)[0]}, {"forget_gate": kept, "candidate": candidate})
