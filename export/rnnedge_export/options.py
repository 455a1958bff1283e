"""What an export can be asked for: the one list that `export`, `convert`, tuning and the command line share.

The metadata of a field says in a sentence what it means, which is also the help of the command line. Only the standard
library is imported here, so that help is there at once; the checks are in `arguments.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from rnnedge_export.effort import Effort
    from rnnedge_runtime.contract import Array, Normalization
    from rnnedge_runtime.model import Model

    Metric = Callable[[Model], Array]

PRECISIONS = ("float32", "float16", "bf16", "int8", "int4")
TOLERANCES = {"float16": 2e-3, "bf16": 1e-2, "int8": 2e-2, "int4": 1e-1}
TAPS = ("gates", "state")
REMEDY = (
    "keep layers wider (an error budget finds which), calibrate with recordings, fine-tune the network for it, or "
    "raise the tolerance"
)


def _means(text: str) -> dict[str, str]:
    """What a field means, for the help of the command line."""
    return {"help": text}


@dataclass(frozen=True)
class Precision:
    """Quantization config: what is asked of the numbers of a file.

    `name`: float32, float16, bf16, int8 or int4; `layers`: another one for some layers by name. `tolerance`: the
    largest error of a streamed frame that is accepted, for outputs of magnitude 1; by default that of the narrowest
    precision in use (`TOLERANCES`). `budget_error`: choose the layers' precisions by measurement so that the file is
    the smallest within this error, none narrower than `name`. `metric(model)` gives a score for each item of a task.
    `longest`: frames of the longest sequence, if every stream is reset before it is longer: an error that grows is
    accepted if it is within the tolerance until then.

    Raises `ModelRefused` for what does not exist or contradicts itself.
    """

    name: str = field(
        default="float32", metadata=_means("Numbers of the weights: float32, float16, bf16, int8 or int4.")
    )
    layers: Mapping[str, str] = field(
        default_factory=dict,
        metadata=_means("Another precision for a layer, as head=float32; again for more."),
    )
    tolerance: float | None = field(
        default=None,
        metadata=_means("Largest streamed error, for outputs up to 1 (float16 0.002, bf16 0.01, int8 0.02, int4 0.1)."),
    )
    budget_error: float | None = field(
        default=None, metadata=_means("Find the smallest file within this streamed error: some layers stay wider.")
    )
    metric: Metric | None = None
    longest: int | None = field(
        default=None,
        metadata=_means(
            "Frames of the longest sequence, if every stream is reset before: an error may grow until then."
        ),
    )

    def __post_init__(self) -> None:
        """Check every field."""
        from rnnedge_runtime.arguments import choice, function, integer, mapping, number
        from rnnedge_runtime.errors import ModelRefused

        layers = mapping(self.layers, "precision: layers", ModelRefused)
        for name in (self.name, *layers.values()):
            choice(name, "precision", PRECISIONS, ModelRefused)
        function(self.metric, "precision: metric", ModelRefused)
        if self.name == "float32" and (layers or self.budget_error is not None):
            raise ModelRefused(
                "precision: expected int8 or int4 where layers or an error budget are given, found float32"
            )
        for key in ("tolerance", "budget_error"):
            value = getattr(self, key)
            if value is not None:
                number(value, key, above=0, error=ModelRefused)
        if self.longest is not None:
            integer(self.longest, "precision: longest", 1, error=ModelRefused)

    @property
    def limit(self) -> float:
        """The largest error that is accepted, of fewer bits than float32."""
        if self.tolerance is not None:
            return self.tolerance
        if self.budget_error is not None:
            return self.budget_error
        return TOLERANCES[narrowest((self.name, *self.layers.values()))]


def narrowest(precisions: Iterable[str]) -> str:
    """The one with the fewest bits; float32 if there is none."""
    return max(precisions, key=PRECISIONS.index, default="float32")


@dataclass(frozen=True)
class ExportOptions:
    """How a file is written, and what its contract says besides what the graph itself determines.

    `precision`: a name, or a `Precision`. `calibration`: recordings that ranges of activations are taken from and the
    drift is measured on: an array (time, ...), a list of such, or of dicts by input name; each begins with a reset.
    `sample`: recordings of your own, given likewise, that the file is proven on; the contract says which.
    `effort`: how hard the file is proven, `Effort()` by default.

    Raises `ModelRefused` for a form, a precision or a tap that does not exist, or a chunk that does not fit the form;
    `InputError` for a label, a rate or a normalization that is none.
    """

    form: str | None = field(
        default=None,
        metadata=_means(
            "How the recurrent loop is written: native (default), scan, unrolled or step (default for integers)."
        ),
    )
    precision: str | Precision = field(
        default="float32", metadata=_means("Numbers of the weights: float32, float16, bf16, int8 or int4.")
    )
    calibration: object = field(
        default=None,
        metadata=_means(
            "A recording (.npy, .npz, .csv, .jsonl, .wav) that ranges of activations are taken from and the drift "
            "is measured on; again for more. By default the task's own data for a run folder, else random frames."
        ),
    )
    sample: object = field(
        default=None,
        metadata=_means(
            "A recording of your own (.npy, .npz, .csv, .jsonl, .wav) that the file is proven on; again for more."
        ),
    )
    chunk: int | None = field(default=None, metadata=_means("Frames per call of the unrolled form (4)."))
    frame_rate_hz: float | None = field(default=None, metadata=_means("Frames per second, written into the file."))
    labels: Sequence[str] = field(default=(), metadata=_means("Names of the classes, separated by commas."))
    normalization: Normalization | str | None = field(
        default=None,
        metadata=_means(
            "What the network does to its input by itself: 'int16 PCM' if it takes 16-bit samples as they are."
        ),
    )
    taps: Sequence[str] = field(
        default=(), metadata=_means("Show inner values as outputs: gates, state, or both with a comma between.")
    )
    effort: Effort | None = None

    def __post_init__(self) -> None:
        """Check every field, and bring it into its one form: a `Precision`, tuples, plain numbers."""
        from rnnedge_export.arguments import checked_labels, checked_normalization, checked_rate

        checked = {
            "taps": _checked_taps(self.taps),
            "frame_rate_hz": checked_rate(self.frame_rate_hz),
            "labels": checked_labels(self.labels),
            "normalization": checked_normalization(self.normalization),
            "precision": _checked_precision(self.precision),
            "effort": _checked_effort(self.effort),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        _check_form(self.form, self.chunk)

    @property
    def statistics(self) -> Normalization | None:
        """The normalization, in full."""
        assert not isinstance(self.normalization, str)
        return self.normalization

    @property
    def numbers(self) -> Precision:
        """The precision, in full."""
        assert isinstance(self.precision, Precision)
        return self.precision


class ExportKeywords(TypedDict, total=False):
    """The fields of `ExportOptions`, for type checkers, as `export` and `convert` take them by keyword."""

    form: str | None
    precision: str | Precision
    calibration: object
    sample: object
    chunk: int | None
    frame_rate_hz: float | None
    labels: Sequence[str]
    normalization: Normalization | str | None
    taps: Sequence[str]
    effort: Effort | None


def _checked_taps(taps: Sequence[str]) -> tuple[str, ...]:
    """In the order of `TAPS`."""
    from rnnedge_runtime.arguments import shown, texts
    from rnnedge_runtime.errors import ModelRefused

    asked = (taps,) if isinstance(taps, str) else texts(taps, "taps", ModelRefused)
    for tap in asked:
        if tap not in TAPS:
            raise ModelRefused(f"taps: expected {' or '.join(TAPS)}, or both, found {shown(tap)}")
    return tuple(tap for tap in TAPS if tap in asked)


def _checked_precision(given: object) -> Precision:
    from rnnedge_runtime.arguments import text
    from rnnedge_runtime.errors import ModelRefused

    return given if isinstance(given, Precision) else Precision(text(given, "precision", ModelRefused))


def _checked_effort(given: object) -> Effort:
    from rnnedge_export.effort import Effort
    from rnnedge_runtime.arguments import instance
    from rnnedge_runtime.errors import ModelRefused

    return Effort() if given is None else instance(given, "effort", Effort, ModelRefused)


def _check_form(form: object, chunk: object) -> None:
    from rnnedge_export.arguments import MOST_UNROLLED, checked_frames
    from rnnedge_runtime.arguments import choice
    from rnnedge_runtime.contract import FORMS
    from rnnedge_runtime.errors import ModelRefused

    if form is not None:
        choice(form, "form", FORMS, ModelRefused)
    if chunk is not None and form != "unrolled":
        raise ModelRefused(f"chunk: only the unrolled form has a fixed number of frames, found form {form!r}")
    if chunk is not None:
        checked_frames(chunk, "chunk", most=MOST_UNROLLED)
