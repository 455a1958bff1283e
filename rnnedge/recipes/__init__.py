"""Recipes: which data, which network, how it learns; and the training that follows one from start to end."""

from rnnedge.recipes._result import Run
from rnnedge.recipes._run import finetune_run, train_recipe
from rnnedge.recipes.recipe import Recipe, find_recipe, read_recipe

__all__ = ["Recipe", "Run", "find_recipe", "finetune_run", "read_recipe", "train_recipe"]
