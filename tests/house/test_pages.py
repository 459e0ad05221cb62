"""Pages are whole without the internet."""

import re
from pathlib import Path

import pytest

from tests.house.repository import below, text

PAGES = [
    *below("src", ".html", ".txt"),
    *below("src/retineye/web/static", ".css", ".js", ".svg", ".json", ".webmanifest"),
]
VENDOR = Path("src/retineye/web/static/vendor")

ADDRESS = re.compile(r"(?:https?:)?//(?P<host>(?:[a-z0-9-]+\.)+[a-z]{2,})(?P<rest>[^\s\"'<>)]*)", re.IGNORECASE)

# Names of XML vocabularies look like addresses, and are never fetched.
NAMESPACES = ("www.w3.org",)


def addresses(page: str) -> list[str]:
    """Find what looks like an address of another machine."""
    return [found[0] for found in ADDRESS.finditer(page) if found["host"].lower() not in NAMESPACES]


@pytest.mark.parametrize("path", [path for path in PAGES if not path.is_relative_to(VENDOR)], ids=str)
def test_a_page_names_no_other_machine(path: Path) -> None:
    assert addresses(text(path)) == []


FETCHED = re.compile(
    r"(?:\bsrc\s*=\s*|\bhref\s*=\s*|url\(|@import\s+|\bfetch\(|\bimport\()\s*[\"']?(?:https?:)?//[a-z0-9-]+\.",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", [path for path in PAGES if path.is_relative_to(VENDOR)], ids=str)
def test_a_vendored_file_fetches_nothing_from_another_machine(path: Path) -> None:
    assert [found[0] for found in FETCHED.finditer(text(path)) if "w3.org" not in found[0]] == []


@pytest.mark.parametrize(
    "page",
    [
        '<script src="https://cdn.example.com/htmx.js"></script>',
        '<link href="//fonts.example.org/css">',
        "background: url(http://pictures.example.net/a.png)",
    ],
)
def test_the_guard_sees_an_address(page: str) -> None:
    assert addresses(page)
    assert FETCHED.search(page)


WITHIN = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|\sstyle=\"|<style|\son\w+=\"")


@pytest.mark.parametrize("path", below("src", ".html"), ids=str)
def test_a_page_has_no_script_or_style_within(path: Path) -> None:
    # The content security policy would refuse them.
    assert WITHIN.findall(text(path)) == []


SIDED = re.compile(
    r"(?:margin|padding|border)-(?:left|right)\b|(?:text-align|float): (?:left|right)\b|(?<![\w-])(?:left|right): "
)


def sided(sheet: str) -> list[str]:
    """Find what names a side of the paper; a drawn arrow that is turned by an angle has sides of its own."""
    return [line.strip() for line in sheet.splitlines() if SIDED.search(line) and "rotate(45deg)" not in line]


@pytest.mark.parametrize("path", below("src/retineye/web/static/web", ".css"), ids=str)
def test_a_style_sheet_speaks_of_start_and_end_so_that_it_serves_both_directions(path: Path) -> None:
    assert sided(text(path)) == []


@pytest.mark.parametrize("rule", ["p { margin-left: 1em }", ".a { left: 0 }", "td { color: red; text-align: right }"])
def test_the_guard_sees_a_side(rule: str) -> None:
    assert sided(rule)
    assert not sided(
        rule.replace("-left", "-inline-start")
        .replace(" left", " inset-inline-start")
        .replace("align: right", "align: end")
    )
