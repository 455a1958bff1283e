"""Whatever is handed to training, tuning, data, explanations and measuring is answered with an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest
import workshop_doors
from check_junk import check_junk
from door import EXAMPLES, Door, public_calls
from in_one_test import in_one_test

NAMES = """
    Attention.__init__ Conv1d.__init__ Conv2d.__init__ DataConfig.__init__ DataSchema.from_dict DataSchema.named
    Latency.percentile_us NetworkConfig.__init__ Paced.percentile_us RunInfo.__init__
    SequenceData.__init__ SequenceData.part SplitConfig.__init__ TrainerConfig.__init__ choose cold_start evaluate
    explain_file explain_module fake_quantized find_recipe finetune finetune_run fit front load_checkpoint pruned
    measure_latency measure_paced new_key open_tapped pace percentile public_path read_data read_recipe run_remote
    sample_calls save_checkpoint side_by_side sign signature_path train_recipe tune write_arrays write_page
    write_pictures
""".split()
# They train, or start a process, where junk happens to be good.
COSTLY = {
    "cold_start",
    "explain_module",
    "finetune",
    "fit",
    "finetune_run",
    "train_recipe",
    "run_remote",
    "tune",
    "write_page",
}
# Functions that are no member of an `__all__`: pages of the reference name them.
BY_MODULE = {
    "find_recipe",
    "read_recipe",
    "finetune_run",
    "train_recipe",
    "new_key",
    "sign",
    "signature_path",
    "public_path",
}


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Door]]:
    """Every door."""
    folder = tmp_path_factory.mktemp("doors")
    with pytest.MonkeyPatch.context() as patch:
        # A short text is a good path.
        patch.chdir(folder)
        yield workshop_doors.workshop_doors(folder)


def test_every_public_call_has_a_door(doors: dict[str, Door]) -> None:
    """A new function without an entry here is not proven against junk; modules of torch answer as torch does."""
    calls: set[str] = set()
    for module in (*workshop_doors.MODULES, workshop_doors.MEASURING):
        calls |= set(public_calls(import_module(module)))
    made_by_us = {f"{name}.__init__" for name in workshop_doors.RECORDS}
    kept = {name for name in calls - made_by_us if name.partition(".")[0] not in workshop_doors.TORCH}
    assert kept | BY_MODULE == set(NAMES) == set(doors)


@in_one_test("name", sorted({*NAMES} - {"run_remote"}))
def test_a_right_call_works(doors: dict[str, Door], name: str) -> None:
    """So that a door which refuses everything is none."""
    assert doors[name].try_with({}) == "works"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")
def test_junk_is_an_error_of_ours(doors: dict[str, Door], name: str) -> None:
    """In any argument, in several at once."""
    check_junk(doors[name], "ignore", examples=EXAMPLES // 3 if name in COSTLY else EXAMPLES)
