"""Jinja2 templates of this package, rendered to one self-contained page."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from rnnedge.report.escape import inert
from rnnedge_runtime.errors import MissingExtra


def check_drawable() -> None:
    """Raise `MissingExtra` where what draws a page is missing, before time is spent on measuring."""
    missing = [name for name in ("jinja2", "matplotlib", "hdrh") if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"an HTML report needs {', '.join(missing)}; install 'rnnedge[report]'")


def check_page() -> None:
    """Raise `MissingExtra` where a page of drawings cannot be made."""
    missing = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"an HTML report needs {', '.join(missing)}; install 'rnnedge[report]'")


def render(template: str, **values: Any) -> str:
    """Render `templates/<template>`; every value is inert and escaped but for the drawings, which are marked safe."""
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtra("an HTML report needs jinja2; install 'rnnedge[report]'") from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rnnedge.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_inert,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = _safe
    environment.filters["duration"] = _duration
    return environment.get_template(template).render(**values) + "\n"


def _inert(value: Any) -> Any:
    """Text without what is no letter; a drawing, which has line ends, is marked and stays."""
    return inert(value) if type(value) is str else value


def _safe(drawing: str) -> Any:
    from markupsafe import Markup

    # On a phone it is drawn as wide as its letters need, and scrolls.
    return Markup('<div class="drawing">') + Markup(drawing) + Markup("</div>")


def _duration(us: float) -> str:
    """Microseconds as a figure of about four digits."""
    return f"{us / 1000:.4g} ms" if us >= 1000 else f"{us:.4g} µs"
