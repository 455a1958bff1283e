"""Packages that are not installed, and the extra that brings each."""

from __future__ import annotations

# Import name -> extra, for every package that an extra brings.
EXTRAS = {
    "onnxruntime": "cpu",
    **dict.fromkeys(("typer", "rich"), "cli"),
    **dict.fromkeys(("torch", "onnx", "onnx_ir", "onnxscript", "ml_dtypes"), "export"),
    **dict.fromkeys(("safetensors", "pydantic", "torchmetrics", "tomli"), "train"),
    **dict.fromkeys(("sktime", "pywt", "sklearn"), "tasks"),
    **dict.fromkeys(("pyarrow", "soundfile"), "data"),
    **dict.fromkeys(("soxr", "websockets", "paho", "serial", "sounddevice"), "live"),
    **dict.fromkeys(("aiohttp", "prometheus_client"), "serve"),
    "redis": "redis",
    **dict.fromkeys(("grpc", "google"), "grpc"),
    "opentelemetry": "otel",
    "ray": "ray",
    "captum": "explain",
    "optuna": "search",
    "tensorboard": "tensorboard",
    "cryptography": "sign",
    "ziglang": "native",
    "openvino": "openvino",
    "huggingface_hub": "hub",
    **dict.fromkeys(("matplotlib", "jinja2", "hdrh"), "report"),
}
# PyTorch comes with more than one extra; these verbs need the rest of theirs too.
_OF_VERBS = {"train": "train", "demo": "demo", "explain": "train,explain"}


def missing_extra(error: BaseException, verb: str) -> str | None:
    """The line for a package of an extra that an import did not find; None for any other error."""
    if not isinstance(error, ModuleNotFoundError):
        return None
    name = (error.name or "").partition(".")[0]
    if name not in EXTRAS:
        return None
    extra = EXTRAS[name] if EXTRAS[name] != "export" else _OF_VERBS.get(verb, "export")
    verb = "the command line" if extra == "cli" else verb
    return f"{verb} needs {name}, which is not installed; install it with: pip install 'rnnedge[{extra}]'"
