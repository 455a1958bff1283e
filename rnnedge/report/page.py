"""Jinja2 templates of this package, rendered to one self-contained page."""

from __future__ import annotations

from typing import Any

from rnnedge_runtime.errors import MissingExtra


def render(template: str, **values: Any) -> str:
    """Render `templates/<template>`; every value is escaped but for the drawings, which are marked safe."""
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtra("an HTML report needs jinja2; install 'rnnedge[report]'") from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rnnedge.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = _safe
    return environment.get_template(template).render(**values) + "\n"


def _safe(drawing: str) -> Any:
    from markupsafe import Markup

    return Markup(drawing)
