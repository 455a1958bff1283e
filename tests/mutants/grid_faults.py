"""Faults of grids, scales and ranges."""

from __future__ import annotations

from injection import Injection, fault


@fault("precision", "int8, step")
def levels_256(injection: Injection) -> None:
    """The range of activations has 256 steps."""
    injection.source("precision.products:_affine", "/ 255)", "/ 256)")


@fault("precision", "relu bounds")
def zero_point_of_the_middle(injection: Injection) -> None:
    """The zero point of activations is 128, whatever their range."""
    injection.source("precision.products:_affine", "np.rint(-low / scale)", "128")


@fault("precision", "relu, calibrated")
def calibrated_high_only(injection: Injection) -> None:
    """The lowest observed value is taken for minus the highest."""
    injection.source("precision.calibrate:_within", "-float(seen[0])", "-float(seen[1])")


@fault("precision", "int8")
def one_scale_per_axis(injection: Injection) -> None:
    """One scale for a weight that should have one per channel."""
    injection.source("precision.grids:per_axis", "axis=others, keepdims=True", "keepdims=True")


@fault("precision", "uneven columns")
def columns_never_pay(injection: Injection) -> None:
    """A matrix never gets a scale for each column."""
    injection.source(
        "precision.products:_whole",
        "column if squared_error(w, tensor) > _PAYS * squared_error(w, column) else tensor",
        "tensor",
    )


@fault("precision", "int4")
def nibbles_turned(injection: Injection) -> None:
    """Pairs of int4 weights change places."""
    injection.source(
        "precision.products:_by_blocks",
        "q[..., 0::2] | (q[..., 1::2] << 4)",
        "q[..., 1::2] | (q[..., 0::2] << 4)",
    )


@fault("precision", "int4")
def bias_of_blocks_lost(injection: Injection) -> None:
    """A product in blocks loses its bias."""
    injection.source("precision.products:_by_blocks", "if product.bias is not None:", "if False:")


@fault("precision", "int4")
def block_rows_short(injection: Injection) -> None:
    """The last row of weights is lost in a block."""
    injection.source("precision.grids:per_block", "padded[: len(w)] = w", "padded[: len(w) - 1] = w[:-1]")


@fault("precision", "large weights, float16")
def half_overflows(injection: Injection) -> None:
    """A weight too large for float16 becomes an infinity."""
    injection.source("precision.storage:store_half", "> _LARGEST[precision]", "> 1e30")


@fault("precision", "bf16")
def bf16_of_float16(injection: Injection) -> None:
    """Bfloat16 weights are rounded twice."""
    injection.source(
        "precision.storage:store_half",
        "weight.array.astype(dtype)",
        "weight.array.astype(np.float16).astype(dtype)",
    )


@fault("precision", "relu bounds")
def bound_of_relu(injection: Injection) -> None:
    """The proven range of a ReLU ends at 1."""
    injection.source("precision.bounds:_arithmetic", "max(b, 0.0)", "min(max(b, 0.0), 1.0)")


@fault("precision", "relu bounds")
def bound_of_product(injection: Injection) -> None:
    """The proven range of a product looks at two corners."""
    injection.source("precision.bounds:_arithmetic", "(a * c, a * d, b * c, b * d)", "(a * c, b * d)")


@fault("precision", "learned start, int8")
def bound_forgets_start(injection: Injection) -> None:
    """The proven range of a state forgets where it begins."""
    injection.source(
        "precision.bounds:bounds_of",
        "(float(np.min(s.initial)), float(np.max(s.initial)))",
        "(-1.0, 1.0)",
    )


@fault("precision", "int4")
def clip_too_early(injection: Injection) -> None:
    """What has no bound is clipped at 6."""
    injection.source("precision.products:_clipped", "(-MOST, MOST)", "(-6.0, 6.0)")


@fault("precision", "int8, lstm")
def lstm_scale_of_w(injection: Injection) -> None:
    """The scale of a native int8 LSTM is a hundredth too large."""
    injection.source(
        "precision.native_lstm:_rewrite",
        "[part.scale for part in parts]",
        "[parts[0].scale * 1.01 for part in parts]",
    )


@fault("precision", "int8, lstm")
def lstm_zero_point(injection: Injection) -> None:
    """Weights of a native int8 LSTM have a zero point of 1."""
    injection.source(
        "precision.native_lstm:_rewrite",
        "np.zeros(len(parts), np.int8)",
        "np.ones(len(parts), np.int8)",
    )
