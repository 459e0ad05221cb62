"""The pages' HTML and styles, and the press that makes PDF of them.

WeasyPrint stands on Pango, which does not come with Python: a machine without it runs the service, and says what is
missing when a page is to be printed.
"""

import importlib
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.template import Context, Engine
from django.utils.translation import gettext as _

HERE = Path(__file__).parent


class PressMissing(ValidationError):
    """Pages can not be set on this machine; the message says what to install."""


@cache
def _engine() -> Engine:
    return Engine(dirs=[str(HERE / "templates")], autoescape=True)


def html_of(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template of the reports; whatever people typed is escaped."""
    return _engine().get_template(template).render(Context(dict(values), use_l10n=False))


def css_of(name: str) -> str:
    """Give a style sheet of the reports, with the fonts and colours that all of them share."""
    return "".join((HERE / "templates" / part).read_text(encoding="utf-8") for part in ("fonts.css", name))


def pdf_of(html: str, css: str, pictures: Mapping[str, bytes] | None = None) -> bytes:
    """Give the PDF, tagged so that a screen reader can read it.

    Raises
    ------
    PressMissing
        Pango is not installed.
    """
    content: bytes = _press().pdf_of(html, css, pictures)
    return content


def fit(html: str, css: str, sizes_pt: Sequence[float]) -> bytes:
    """Give the PDF in the first of the sizes in which it takes one page; in the last one if it never does.

    Parameters
    ----------
    sizes_pt
        Sizes of the print in points to try, the largest first.

    Raises
    ------
    PressMissing
        Pango is not installed.
    """
    content: bytes = _press().fit(html, css, sizes_pt)
    return content


@cache
def _press() -> Any:
    # Both tell of each step and each font at the level of news, from the moment they are loaded.
    for name in ("weasyprint.progress", "fontTools"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return importlib.import_module("retineye.exchange.report_pdf.press")
    except OSError as exc:
        raise PressMissing(
            _(
                "Pages can not be printed on this machine: Pango is missing. Whoever runs it can install it: "
                "sudo apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
            )
        ) from exc
