"""Options as fields of frozen dataclasses: each says its default, its bounds, and how a search varies it."""

from rnnedge.options.fields import check, option, search_space
from rnnedge.options.space import Among, Between, Logarithmic, Space, Uniform

__all__ = ["Among", "Between", "Logarithmic", "Space", "Uniform", "check", "option", "search_space"]
