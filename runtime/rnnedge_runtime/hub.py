"""Files of the Hugging Face Hub, by repository and revision; needs `pip install 'rnnedge[hub]'`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from rnnedge_runtime.arguments import shown, text
from rnnedge_runtime.errors import InputError, MissingExtra, ModelRefused

MODEL = "model.onnx"
"""What the file of a repository is called."""
_FILES = (".onnx", ".ort")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[\w.-]{1,96}", re.ASCII)


def is_repository(path: object) -> bool:
    """Whether this looks like ORGANIZATION/NAME, and not like a file, of which there is none."""
    if not isinstance(path, str) or path.endswith(_FILES) or _REPOSITORY.fullmatch(path) is None:
        return False
    return not os.path.lexists(path)


def fetched(repository: object, revision: object, *, signed: bool = False) -> str:
    """The path of `MODEL` of a repository as it was at a revision, downloaded unless it is here; of its signature too.

    `revision`: a commit, which cannot change, or the name of a branch or a tag, which can.

    Raises `InputError` where these are no such names, `ModelRefused` if there is no such file or it cannot be had,
    `MissingExtra` without huggingface_hub.
    """
    text(revision, "load: revision")
    if not isinstance(repository, str) or _REPOSITORY.fullmatch(repository) is None:
        raise InputError(
            f"load: with a revision, expected the name of a repository, ORGANIZATION/NAME, found {shown(repository)}"
        )
    if not revision or revision != str(revision).strip():
        raise InputError(f"load: revision: expected a commit, a tag or a branch, found {shown(revision)}")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise MissingExtra("load: a repository needs huggingface_hub; pip install 'rnnedge[hub]'") from error
    if signed:
        _one(hf_hub_download, repository, f"{MODEL}.sig", str(revision))
    return _one(hf_hub_download, repository, MODEL, str(revision))


def _one(download: Callable[..., Any], repository: str, name: str, revision: str) -> str:
    try:
        return str(download(repository, name, revision=revision))
    # Its own errors, those of its HTTP library, and OSError share no base.
    except Exception as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ModelRefused(
            f"{repository}: {name} at revision {shown(revision)} cannot be had ({type(error).__name__}: "
            f"{reason.strip()}); check the names, the network, and whether you may read it"
        ) from error
