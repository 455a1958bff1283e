"""Values of options out of a list: an unknown one is answered with the nearest, or with our name for what is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

# What other tools call it.
_MEANT = {
    **dict.fromkeys(("fp16", "f16", "half"), "float16"),
    **dict.fromkeys(("fp32", "f32", "float"), "float32"),
    **dict.fromkeys(("i8", "q8", "uint8"), "int8"),
    **dict.fromkeys(("i4", "q4"), "int4"),
    **dict.fromkeys(
        ("arm64", "aarch64", "armv8", "raspberrypi", "raspberry-pi", "rpi", "pi", "jetson"), "aarch64-linux"
    ),
    **dict.fromkeys(("arm", "armhf", "armv7"), "armv7-linux"),
    **dict.fromkeys(("amd64", "x64", "x86-64"), "x86_64"),
    **dict.fromkeys(("riscv", "riscv64"), "riscv64-linux"),
    **dict.fromkeys(("rv32", "rv32imfc", "esp32-p4", "esp32p4"), "riscv32"),
    **dict.fromkeys(("windows", "win64"), "x86_64-windows"),
    **dict.fromkeys(("host", "local", "linux", "cpu", "this"), "native"),
    **dict.fromkeys(("android", "ios", "esp32", "arduino", "avr", "source"), "c"),
    **dict.fromkeys(("stm32", "cortex-m", "nrf52"), "cortex-m4"),
    **dict.fromkeys(("gpu", "nvidia"), "cuda"),
    "trt": "tensorrt",
    **dict.fromkeys(("onnxruntime", "ort"), "cpu"),
    **dict.fromkeys(("intel", "ov", "ir", "ovms"), "openvino"),
    **dict.fromkeys(("hf", "hub", "hugging-face", "hugging_face", "transformers"), "huggingface"),
    **dict.fromkeys(("tritonserver", "kserve"), "triton"),
    "bfloat16": "bf16",
    "wasm": "wasm32",
    **dict.fromkeys(("browser", "js", "javascript", "html"), "web"),
    **dict.fromkeys(("macos", "mac", "darwin", "apple", "m1"), "aarch64-macos"),
    "m4": "cortex-m4",
    "m7": "cortex-m7",
    **dict.fromkeys(("comma", "komma"), ","),
    **dict.fromkeys(("point", "dot", "period"), "."),
}


def choice(value: str, choices: Iterable[str], option: str | None = None) -> str:
    """`value` if it is one of `choices`; else raises `typer.BadParameter`, exit code 2, with the nearest of them."""
    known = tuple(choices)
    if value in known:
        return value
    from rnnedge_runtime.arguments import nearest

    # onnxruntime's own names of its providers are long.
    plain = value.strip().lower().removesuffix("executionprovider")
    meant = plain if plain in known else _MEANT.get(plain, _MEANT.get(plain.rstrip("0123456789")))
    hint = f"; did you mean {meant}?" if meant in known else nearest(value, known)
    listed = (" " if "," in known else ", ").join(known)
    raise typer.BadParameter(f"expected one of {listed}, found {value!r}{hint}", param_hint=option)


def one_of(choices: Callable[[], Iterable[str]]) -> dict[str, Any]:
    """For `typer.Option`: a value out of a list, which the shell completes; exit code 2 for another one."""

    def checked(value: str | None) -> str | None:
        return None if value is None else choice(value, choices())

    return {"callback": checked, "autocompletion": completing(choices)}


def positive(value: float | None) -> float | None:
    """`value`, a number above 0; for `typer.Option`."""
    if value is not None and not 0 < value < float("inf"):
        raise typer.BadParameter(f"expected a number above 0, found {value:g}")
    return value


@contextmanager
def usage_of(option: str) -> Iterator[None]:
    """What refuses the value of `option` in this block is a mistake of usage, exit code 2."""
    from rnnedge_runtime.errors import InputError

    try:
        yield
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def completing(choices: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """What the shell offers for a value that begins so."""

    def complete(incomplete: str) -> list[str]:
        return [one for one in choices() if one.startswith(incomplete)]

    return complete
