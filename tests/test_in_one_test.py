"""A test of many cases runs each of them, and names each that fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_one_test import in_one_test


def test_each_case_that_fails_is_named() -> None:
    """All cases run; the message has every failing one with its reason, the first one is the cause."""
    ran = []

    @in_one_test("outer", ["a", "b"])
    @in_one_test(("x", "y"), [(1, 1), (2, 3), (3, 4)], ids=["same", "near", "far"])
    def test(outer: str, x: int, y: int, given: str) -> None:
        ran.append((outer, x, given))
        assert x == y, f"{outer} {x}"

    with pytest.raises(AssertionError, match=r"2 of 2 cases(?s:.*)outer='a': .*2 of 3 cases") as caught:
        test(given="fixture")
    assert ran == [(outer, x, "fixture") for outer in "ab" for x in (1, 2, 3)]
    inner = str(caught.value.__cause__)
    assert "near: AssertionError: a 2" in inner and "far: AssertionError: a 3" in inner and "same" not in inner


def test_each_case_has_a_folder_and_a_patch_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one leaves, or changes, the next does not find."""
    folders = []

    @in_one_test("name", ["one", "two"])
    def test(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert list(tmp_path.iterdir()) == [] and not hasattr(Unchanged, "by")
        (tmp_path / name).touch()
        monkeypatch.setattr(Unchanged, "by", name, raising=False)
        folders.append(tmp_path)

    test(tmp_path=tmp_path, monkeypatch=monkeypatch)
    assert len({*folders}) == 2 and not hasattr(Unchanged, "by")


def test_a_case_that_is_skipped_skips_no_other() -> None:
    """The test is skipped where all of them are."""

    @in_one_test("number", [1, 2, 3])
    def test(number: int, skipped: int) -> None:
        if number <= skipped:
            pytest.skip("not here")
        assert number < 3

    with pytest.raises(AssertionError, match="1 of 3 cases failed"):
        test(skipped=1)
    with pytest.raises(pytest.skip.Exception, match="not here"):
        test(skipped=3)


class Unchanged:
    """Has no attribute."""


@in_one_test("number", range(3))
@pytest.mark.parametrize("other", ["parametrized"])
def test_fixtures_are_given(number: int, other: str, tmp_path: Path) -> None:
    """Those of pytest, beside the cases."""
    assert number < 3 and other and tmp_path.is_dir()
