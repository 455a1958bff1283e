"""A small search over hyper-parameters, by Optuna; what was tried stays in a file, from which the search goes on.

Tried are the options of `NetworkConfig` and `TrainerConfig` that have a search space, the numbers that decide most
(Greff et al., "LSTM: A search space odyssey", 2017, section 5: the learning rate, then the size). A trial whose
held-out loss is worse than the median of the others at the same epoch ends early.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnedge.nn import NetworkConfig
from rnnedge.options import search_space
from rnnedge.training._config import TrainerConfig
from rnnedge.training._epoch import Epoch
from rnnedge_runtime.atomic import make_folder
from rnnedge_runtime.errors import InputError, MissingExtra

if TYPE_CHECKING:
    import optuna

JOURNAL = "search.journal"
_FAILED = "failed"
_TRAINING, _NETWORK = search_space(TrainerConfig), search_space(NetworkConfig)
# Trials that choose at random before the sampler has something to learn from.
_RANDOM = 5


@dataclass(frozen=True)
class Choice:
    """What a trial tries: values for the tables [network] and [training] of a recipe."""

    network: dict[str, Any]
    training: dict[str, Any]


@dataclass(frozen=True)
class SearchResult:
    """The best trial, counted from 0, its held-out loss, and how many there were, `pruned` of them ended early."""

    number: int
    loss: float
    best: Choice
    trials: int
    pruned: int


class Pruned(Exception):
    """Raised inside a trial that is not worth going on with."""


def search(
    train: Callable[[int, Choice, Callable[[Epoch], None]], float], folder: Path, trials: int, seed: int = 0
) -> SearchResult:
    """Call `train(number, choice, progress)`, which returns the least held-out loss, until there are `trials` trials.

    Those that are in `folder` already count; one that was interrupted does not, and one that raises `InputError`, such
    as a training that diverges, failed. Deterministic for a seed where it is not interrupted.

    Raises `MissingExtra` where Optuna is not installed, `InputError` where every trial failed.
    """
    study = _study(folder, seed)

    def objective(trial: optuna.Trial) -> float:
        def progress(epoch: Epoch) -> None:
            trial.report(epoch.validation_loss, epoch.number)
            if trial.should_prune():
                raise Pruned

        try:
            return train(trial.number, _choice(trial), progress)
        except InputError as error:
            trial.set_user_attr(_FAILED, str(error))
            raise
        except Pruned as error:
            import optuna

            raise optuna.TrialPruned from error

    done = _done(study)
    if done < trials:
        study.optimize(objective, n_trials=trials - done, catch=(InputError,))
    with suppress(ValueError):
        best = study.best_trial
        pruned = sum(t.state.name == "PRUNED" for t in study.trials)
        return SearchResult(best.number, float(best.values[0]), _as_choice(best.params), _done(study), pruned)
    raise InputError(
        f"search: none of {trials} trials came to an end; look at the data, or try a smaller learning rate"
    )


def _done(study: optuna.Study) -> int:
    """Trials that came to an end; Optuna says of an interrupted one, too, that it failed."""
    return sum(t.state.name in ("COMPLETE", "PRUNED") or _FAILED in t.user_attrs for t in study.trials)


def _study(folder: Path, seed: int) -> optuna.Study:
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise MissingExtra("a search needs Optuna; install 'rnnedge[search]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = JournalStorage(JournalFileBackend(str(make_folder(folder) / JOURNAL)))
    # A resumed search must not draw again what the first one drew.
    earlier = len(storage.get_all_studies()) and len(storage.get_all_trials(0))
    return optuna.create_study(
        study_name="rnnedge",
        storage=storage,
        sampler=optuna.samplers.TPESampler(n_startup_trials=_RANDOM, seed=seed + earlier),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_RANDOM, n_warmup_steps=3),
        load_if_exists=True,
    )


def _choice(trial: optuna.Trial) -> Choice:
    return _as_choice({name: space.draw(trial, name) for name, space in (_TRAINING | _NETWORK).items()})


def _as_choice(values: dict[str, Any]) -> Choice:
    return Choice({name: values[name] for name in _NETWORK}, {name: values[name] for name in _TRAINING})
