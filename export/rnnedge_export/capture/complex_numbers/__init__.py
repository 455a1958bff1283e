"""Complex tensors of a captured network as pairs of real ones, so that no later pass meets a complex number."""

from rnnedge_export.capture.complex_numbers.rewrite import RealPairs, has_complex
from rnnedge_export.capture.complex_numbers.spectra import spectra_of_frames

__all__ = ["RealPairs", "has_complex", "spectra_of_frames"]
