"""Options as fields of frozen dataclasses: each says its default, its bounds, and how a search varies it."""

from rnnedge.options._fields import check, option, search_space
from rnnedge.options._space import Among, Between, Logarithmic, Space, Uniform

__all__ = ["Among", "Between", "Logarithmic", "Space", "Uniform", "check", "option", "search_space"]
