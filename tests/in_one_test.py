"""Many small cases of one claim in one test, whose failure names each of them that failed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import wraps
from itertools import count as counted
from pathlib import Path
from typing import Any

import pytest

Test = Callable[..., None]
_SHOWN, _LONGEST = 20, 300


def same_start() -> None:
    """Begin with the same random numbers, from a seed that no test names, so that different networks stay different."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(8191)


def in_one_test(names: str | Sequence[str], values: Iterable[Any], ids: Sequence[str] = ()) -> Callable[[Test], Test]:
    """As `pytest.mark.parametrize`, for cases that take milliseconds: they run in one test, and all of them run.

    A case that skips itself counts as passed, unless all of them do.
    Each case has a `tmp_path` and a `monkeypatch` of its own; other fixtures are those of the test.
    """
    arguments = [name.strip() for name in names.split(",")] if isinstance(names, str) else [*names]
    single = isinstance(names, str) and len(arguments) == 1
    cases = [dict(zip(arguments, (value,) if single else value, strict=True)) for value in values]
    labels = list(ids) or [_label(case) for case in cases]

    def decorate(test: Test) -> Test:
        @wraps(test)
        def run(**fixtures: Any) -> None:
            found = [(label, _ended(test, fixtures, case)) for label, case in zip(labels, cases, strict=True)]
            skipped = [error for _, error in found if isinstance(error, pytest.skip.Exception)]
            if len(skipped) == len(cases):
                raise skipped[0]
            failures = [(label, error) for label, error in found if error is not None and error not in skipped]
            if failures:
                told = [f"{label}: {_first_line(error)}" for label, error in failures[:_SHOWN]]
                words = "\n".join(
                    [f"{len(failures)} of {len(cases)} cases failed; the first one is shown above", *told]
                )
                raise AssertionError(words) from failures[0][1]

        signature = inspect.signature(test)
        others = [p.replace(kind=p.KEYWORD_ONLY) for name, p in signature.parameters.items() if name not in arguments]
        run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return run

    return decorate


def _ended(test: Test, fixtures: dict[str, Any], case: dict[str, Any]) -> BaseException | None:
    same_start()
    with ExitStack() as stack:
        own: dict[str, Any] = {}
        if "tmp_path" in fixtures:
            own["tmp_path"] = _new_folder(fixtures["tmp_path"])
        if "monkeypatch" in fixtures:
            own["monkeypatch"] = stack.enter_context(pytest.MonkeyPatch.context())
        try:
            test(**{**fixtures, **own, **case})
        except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:
            return error
    return None


def _new_folder(parent: Path) -> Path:
    folder = next(path for k in counted() if not (path := parent / f"case-{k}").exists())
    folder.mkdir()
    return folder


def _label(case: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in case.items())


def _short(value: Any) -> str:
    text = value.name if isinstance(value, Path) else str(getattr(value, "__name__", None) or repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _first_line(error: BaseException) -> str:
    words = str(error).strip()
    return f"{type(error).__name__}: {words[:_LONGEST]}"
