"""pygal's drawings as documents of ours: without script, reference or random name, with words for who cannot see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as Xml

from pygal.style import Style  # type: ignore[import-untyped]  # brings no types

from delivery.report.palette import DARK, LIGHT, custom_properties
from delivery.report.templating import templates
from delivery.report.wording import printable

_STYLE = Style(
    font_family="system-ui, sans-serif",
    label_font_size=12,
    major_label_font_size=12,
    legend_font_size=13,
    title_font_size=15,
    no_data_font_size=20,
)
_NEEDLESS = {"script", "style", "desc", "title", "defs"}


def chart(kind: Callable[..., Any], name: str, classes: str, **options: Any) -> Any:
    """An empty chart of a pygal class; `name` has to be the only one of its document."""
    shown = {"width": 800, "height": 360, "margin": 12, "legend_at_bottom": True, "legend_at_bottom_columns": 2}
    shown["margin_bottom"] = 34  # pygal reserves room for full rows of the legend only
    known = {"js": [], "css": [], "style": _STYLE, "truncate_legend": -1, "disable_xml_declaration": True}
    made = kind(classes=("chart", *classes.split()), no_data_text="nothing recorded", **{**shown, **known, **options})
    made.uuid = name
    return made


def drawn(made: Any, title: str, description: str, *, standalone: bool = False) -> str:
    """The chart as SVG. `standalone` brings its own colours; otherwise those of the page apply."""
    made.add_xml_filter(lambda root: _told(root, printable(title), printable(description), standalone=standalone))
    return str(made.render(is_unicode=True))


def stylesheet() -> str:
    """How charts look, given the custom properties."""
    return templates().get_template("chart.css.j2").render()


def _told(root: Xml.Element, title: str, description: str, *, standalone: bool) -> Xml.Element:
    _strip(root)
    root.set("role", "img")
    root.set("aria-label", f"{title}. {description}")
    words = [_element("title", title), _element("desc", description)]
    if standalone:
        words.append(_element("style", _own_style()))
    for place, element in enumerate(words):
        root.insert(place, element)
    return root


def _strip(node: Xml.Element) -> None:
    """Takes out what only pygal's script would read, and comments, which hold addresses and today's date."""
    for child in list(node):
        if _needless(child):
            node.remove(child)
        else:
            child.attrib.pop("id", None)  # the same in every chart
            child.text = None if child.text is None else printable(child.text)
            _strip(child)


def _needless(child: Xml.Element) -> bool:
    if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] in _NEEDLESS:
        return True
    return "tooltip-overlay" in child.get("class", "").split()


def _element(tag: str, text: str) -> Xml.Element:
    element = Xml.Element(tag)
    element.text = text
    return element


def _own_style() -> str:
    dark = f"@media (prefers-color-scheme: dark) {{ .chart {{ {custom_properties(DARK)} }} }}"
    return f".chart {{ {custom_properties(LIGHT)} }}\n{dark}\n{stylesheet()}"
