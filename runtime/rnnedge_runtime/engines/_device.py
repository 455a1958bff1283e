"""Arrays on a device: values that stay there between runs, and those that every run brings and takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from rnnedge_runtime.contract import Array
from rnnedge_runtime.engines.onnx_runtime import onnxruntime
from rnnedge_runtime.errors import ProviderError


class Place(NamedTuple):
    """Memory of a device, by onnxruntime's name for its kind ("cuda") and its number."""

    device: str
    number: int


class DeviceArray:
    """A C-contiguous array in host memory and its values on a device, at an address that never changes.

    Made by `OrtEngine`; onnxruntime copies what is bound from host memory once, when it is bound, so this is the only
    way in which a later run sees later values.
    """

    def __init__(self, array: Array, place: Place) -> None:
        """Take the values there. Raises `ProviderError`, as the methods do, where onnxruntime cannot."""
        self.array, self._place = array, place
        with self._told("filled"):
            make = onnxruntime.OrtValue.ortvalue_from_shape_and_type
            self.value = make(array.shape, array.dtype, place.device, place.number)
        self.store()

    def fetch(self) -> None:
        """Bring the values into the array."""
        with self._told("read"):
            self.array[...] = self.value.numpy()

    def store(self) -> None:
        """Take the array's values to the device."""
        with self._told("filled"):
            self.value.update_inplace(self.array)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        # onnxruntime's exceptions share no base.
        except Exception as error:
            raise ProviderError(f"memory of {self._place.device} {self._place.number}: not {what}: {error}") from error


def carrying(
    run: Callable[[], object], brings: Sequence[DeviceArray], takes: Sequence[DeviceArray]
) -> Callable[[], object]:
    """`run` itself where nothing has to be carried; else with the copies before and after it."""
    if not brings and not takes:
        return run

    def carried() -> None:
        for one in brings:
            one.store()
        run()
        for one in takes:
            one.fetch()

    return carried
