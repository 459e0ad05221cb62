"""Print a word across every page of a PDF that holds no more; its own bytes stay as they were."""

from io import BytesIO

from pypdf import PdfReader, PdfWriter

from retineye.exchange.report_pdf.paper import css_of, html_of, pdf_of


def stamp(pdf: bytes, word: str, english: str, language: str) -> bytes:
    """Give the PDF with the word across it, and the English below where that is another.

    Parameters
    ----------
    word
        In the report's language, such as SUPERSEDED.
    """
    shown = {"word": word, "english": "" if english == word else english, "language": language}
    mark = PdfReader(BytesIO(pdf_of(html_of("stamp.html", shown), css_of("stamp.css")))).pages[0]
    writer = PdfWriter(clone_from=BytesIO(pdf))
    for page in writer.pages:
        page.merge_page(mark)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()
