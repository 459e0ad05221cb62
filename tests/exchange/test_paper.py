"""Where no pages can be set, the service runs all the same."""

import importlib
from typing import NoReturn

import pytest

from retineye.exchange.report_pdf import paper


def test_a_machine_without_pango_says_so_when_a_page_is_to_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(name: str) -> NoReturn:
        raise OSError(f"cannot load library for {name}")

    paper._press.cache_clear()
    monkeypatch.setattr(importlib, "import_module", no_library)
    with pytest.raises(paper.PressMissing, match="Pango is missing"):
        paper.pdf_of("<p>x</p>", "")
    paper._press.cache_clear()
