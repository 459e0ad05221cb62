"""Turn HTML into PDF bytes. The one file that knows WeasyPrint; `paper` loads it when the first page is set.

Nothing is fetched: the pages name their fonts and pictures by the schemes ``font:`` and ``picture:``, which are
answered from memory; every other address is refused.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import weasyprint
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

HERE = Path(__file__).parent

_TYPES = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png"}


class _Store(URLFetcher):  # type: ignore[misc]
    """Answers for fonts and pictures, and for nothing else."""

    def __init__(self, pictures: Mapping[str, bytes]) -> None:
        super().__init__(allowed_protocols=("font", "picture"))
        self._pictures = pictures

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        scheme, _colon, name = url.partition(":")
        if scheme == "font" and name in _fonts():
            return URLFetcherResponse(url, _fonts()[name], {"Content-Type": "font/ttf"})
        if scheme == "picture" and name in self._pictures:
            content = self._pictures[name]
            return URLFetcherResponse(url, content, {"Content-Type": _TYPES.get(content[:2], "image/png")})
        raise FatalURLFetchingError(f"A report asks for something that is not its own: {url[:80]}")


@cache
def _fonts() -> Mapping[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted((HERE / "fonts").glob("*.ttf"))}


def pdf_of(html: str, css: str, pictures: Mapping[str, bytes] | None = None) -> bytes:
    """Give the PDF, tagged so that a screen reader can read it."""
    return _bytes_of(_document(html, css, pictures or {}))


def fit(html: str, css: str, sizes_pt: Sequence[float]) -> bytes:
    """Give the PDF in the first of the sizes in which it takes one page; in the last one if it never does.

    Parameters
    ----------
    sizes_pt
        Sizes of the print in points to try, the largest first.
    """

    fonts = FontConfiguration()

    def set_in(size_pt: float) -> Any:
        return _document(html, f"{css}html {{ font-size: {size_pt}pt }}", {}, fonts)

    low, high = 0, len(sizes_pt) - 1
    fitting = None
    while low < high:
        middle = (low + high) // 2
        document = set_in(sizes_pt[middle])
        if len(document.pages) == 1:
            high, fitting = middle, document
        else:
            low = middle + 1
    return _bytes_of(fitting if fitting is not None else set_in(sizes_pt[low]))


def _bytes_of(document: Any) -> bytes:
    content: bytes = document.write_pdf(pdf_variant="pdf/ua-1")
    return content


def _document(html: str, css: str, pictures: Mapping[str, bytes], fonts: FontConfiguration | None = None) -> Any:
    fonts = fonts or FontConfiguration()
    store = _Store(pictures)
    sheet = weasyprint.CSS(string=css, url_fetcher=store, font_config=fonts)
    return weasyprint.HTML(string=html, url_fetcher=store).render(stylesheets=[sheet], font_config=fonts)
