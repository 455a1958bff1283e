"""Faults of complex numbers, spectra and transforms."""

from __future__ import annotations

from injection import Injection, fault


@fault("capture", "spectrum, not centred")
def complex_product_sign(injection: Injection) -> None:
    """The real part of a complex product has the wrong sign."""
    injection.fresh_capture()
    injection.source(
        "capture.complex_numbers.pairs:multiplied",
        "a.real * b.real - a.imag * b.imag",
        "a.real * b.real + a.imag * b.imag",
    )


@fault("capture", "spectrum, not centred")
def complex_quotient_by_size(injection: Injection) -> None:
    """A complex quotient is over the size, not its square."""
    injection.fresh_capture()
    injection.source(
        "capture.complex_numbers.pairs:_over",
        "size = b.real * b.real + b.imag * b.imag",
        "size = (b.real * b.real + b.imag * b.imag).sqrt()",
    )


@fault("capture", "bands")
def complex_difference_turned(injection: Injection) -> None:
    """Complex differences are sums."""
    injection.fresh_capture()
    injection.source("capture.complex_numbers.pairs:_sum", "sign * kwargs", "kwargs")


@fault("capture", "bands")
def sgn_of_zero(injection: Injection) -> None:
    """The sign of a complex zero is 0/0."""
    injection.fresh_capture()
    injection.source(
        "capture.complex_numbers.functions:_sgn",
        "torch.where(size == 0, torch.ones_like(size), size)",
        "size",
    )


@fault("capture", "spectrum, not centred")
def waves_not_exact(injection: Injection) -> None:
    """The sine of a multiple of pi is not exactly zero."""
    injection.fresh_capture()
    injection.source(
        "capture.complex_numbers.transforms:waves",
        "values[turns * 4 == quarter * points] = 0.0",
        "pass",
    )


@fault("capture", "bands")
def nyquist_counted_twice(injection: Injection) -> None:
    """The inverse of a real spectrum counts the highest bin twice."""
    injection.fresh_capture()
    injection.source("capture.complex_numbers.transforms:inverse_waves", "counts[-1] = 1.0", "counts[-1] = 2.0")


@fault("capture", "bands")
def inverse_scale_lost(injection: Injection) -> None:
    """An inverse transform has the scale of another norm."""
    injection.fresh_capture()
    injection.source(
        "capture.complex_numbers.transforms:_complex_to_real",
        "_SCALES[norm](n) * n",
        "_SCALES[norm](n) * n ** 0.5",
    )


@fault("capture", "bands")
def backward_turns_forward(injection: Injection) -> None:
    """Complex transforms turn the wrong way."""
    injection.fresh_capture()
    injection.source("capture.complex_numbers.transforms:_turned", "if not forward:", "if forward:")


@fault("capture", "spectrum")
def window_one_off(injection: Injection) -> None:
    """A short window stands one place too far."""
    injection.fresh_capture()
    injection.source("capture.complex_numbers.spectra:_window", "(n_fft - length) // 2", "(n_fft - length + 1) // 2")


@fault("capture", "spectrum")
def spectrum_not_normalized(injection: Injection) -> None:
    """A normalized spectrum is not."""
    injection.fresh_capture()
    injection.source("capture.complex_numbers.spectra:_stft", "n_fft**-0.5", "1.0")


@fault("capture", "spectrum")
def centre_pads_one_side(injection: Injection) -> None:
    """A centred spectrum stands one sample off."""
    injection.fresh_capture()
    injection.source(
        "capture.complex_numbers.spectra:_stft",
        "(n_fft // 2, n_fft // 2)",
        "(n_fft // 2 - 1, n_fft // 2 + 1)",
    )


@fault("capture", "sound")
def window_not_squared(injection: Injection) -> None:
    """Sound is divided by the sum of windows, not of squares."""
    injection.fresh_capture()
    injection.source("capture.complex_numbers.spectra:_istft", "(shape * shape)", "shape")


@fault("capture", "sound")
def edge_of_sound(injection: Injection) -> None:
    """Sound begins one sample early."""
    injection.fresh_capture()
    injection.source("capture.complex_numbers.spectra:_istft", "y[..., edge:-edge]", "y[..., edge - 1 : -edge - 1]")


@fault("capture", "spectrum")
def log_of_complex_exp(injection: Injection) -> None:
    """The exponential of an imaginary number is a straight line."""
    injection.fresh_capture()
    injection.source("capture.complex_numbers.functions:_exp", "size * z.imag.sin()", "size * z.imag")
