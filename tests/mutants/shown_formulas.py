"""Networks that show faults of formulas at zeros, ties, negative numbers and bounds, and of whole numbers."""

from __future__ import annotations

import torch
from shown_by import given
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

X6 = torch.zeros(2, 8, 6)


class Formulas(nn.Module):
    """What the exporter writes by formulas of its own, of two numbers or one, each an output."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        v, w = x.clamp(-1e6, 1e6).chunk(2, -1)
        whole, other = (v * 3).long(), (w.abs() * 2).long() + 2
        small = v.clamp(-60, 60).sigmoid()
        return {
            "angle": torch.atan2(v, w),
            "rest": torch.remainder(v, -0.7),
            "quotient": torch.div(v, 0.1, rounding_mode="floor"),
            "cut": torch.div(v, 0.3, rounding_mode="trunc"),
            "wholes": torch.div(whole, other, rounding_mode="floor"),
            "rests": torch.remainder(whole, -other),
            "joined": torch.logaddexp2(v, w),
            "gate": F.logsigmoid(v),
            "step": torch.heaviside(v, w),
            "odds": torch.logit(small, 0.01),
            "entropy": torch.xlogy(v.relu(), v.relu()),
            "signed": torch.copysign(w, v),
            "negative": v.signbit(),
            "sign": v.sign(),
            "even": v.round(),
            "larger": torch.fmax(v, w),
            "long": torch.hypot(v, w),
            "crossed": torch.maximum(torch.minimum(v, torch.tensor(-1.0)), torch.tensor(1.0)),
            "turned": 0.0 - v,
            "factor": (v.clamp(-8, 8) * 1.000009 - v.clamp(-8, 8)) * 1e5,
            "shares": small / small.sum(-1, keepdim=True),
        }


class Corners(nn.Module):
    """What compiled code does at ties, ends, pads and places, each an output."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.linspace(-1, 1, 18).reshape(6, 3))
        self.layer = nn.LayerNorm((2, 3))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        rows = x.flatten(0, 1)[:, None]

        def frames(y: Tensor) -> Tensor:
            return y.reshape(*x.shape[:2], -1)

        whole = (x.clamp(-1e6, 1e6) * 3).long()
        return {
            "first": x.argmax(-1),
            "last": x.flip(-1).argmin(-1),
            "row": F.embedding(x.argmax(-1), self.table),
            "row from the end": self.table[x.argmax(-1) - 2],
            "compressed": x.abs() ** 0.3 + (x.abs() + 0.1) ** -1.7,
            "odd power": x**5,
            "quotients": whole // 3 + whole % 3,
            "bytes around": ((x.clamp(0, 1) * 255).to(torch.uint8) + 100).float(),
            "between": frames(F.interpolate(rows[:, None], scale_factor=(1.0, 1.5), mode="bilinear")),
            "mask": torch.zeros_like(x).scatter(-1, x.argmax(-1, keepdim=True), 1.0),
            "bands": torch.zeros_like(x[..., :3]).index_add(-1, torch.tensor([0, 0, 1, 1, 2, 2]), x),
            "score": x @ self.table[:, 0],
            "sums": x.flip(-1).cumsum(-1).flip(-1),
            "most": frames(F.max_pool1d(rows - 200, 3, 2, 1)),
            "mean": frames(F.avg_pool1d(rows, 4, 3, 2, ceil_mode=True, count_include_pad=False)),
            "mirrored": frames(F.pad(rows, (2, 1), mode="reflect")),
            "edges": frames(F.pad(rows, (1, 2), mode="replicate")),
            "twice": frames(F.interpolate(rows, scale_factor=1.5)),
            "ones": F.normalize(x, p=1, dim=-1),
            "sum": x.logsumexp(-1),
            "log": x.log_softmax(-1),
            "over two": self.layer(x.unflatten(-1, (2, 3))).flatten(-2),
            "plus": whole.sum(-1),
            "largest": whole.amax(-1),
            "sizes": whole.abs(),
            "signs": whole.sign(),
            "least": torch.minimum(whole, whole.flip(-1)),
            "same": (x == x.flip(-1)).float(),
            "rest": torch.fmod(x, 1e-3),
            "wave": torch.sin(x),
            "plane": torch.atan2(x, x.roll(1, -1)),
            "root": (x * x + 1e-12).sqrt(),
            "part": torch.where(x > 0, x, x * 0.5),
            "chosen": x.flip(-1)[..., 1:5:2],
            "bent": F.softplus(x),
            "sign": x.sign(),
            "elu": F.elu(x, 0.3),
            "softsign": F.softsign(x),
            "hard": F.hardsigmoid(x),
            "shrunk": F.hardshrink(x, 0.3),
        }


class Dilated(nn.Module):
    """Convolutions of one group with gaps between their taps."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(6, 5, 3, dilation=2), nn.Conv1d(5, 4, 2, stride, dilation=3)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.a(F.pad(x.transpose(1, 2), (4, 0))))
        return self.b(F.pad(y, (3 if self.b.stride[0] == 1 else 0, 0))).transpose(1, 2)


NETWORKS = {
    "formulas": given(Formulas, X6),
    "corners": given(Corners, X6),
    "corners, step": given(Corners, X6, form="step"),
    "dilated, step": given(Dilated, X6, form="step"),
    "dilated, strided": given(lambda: Dilated(3), X6),
}
