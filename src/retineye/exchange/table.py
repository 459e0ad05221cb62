"""Rows as a table for other programs: CSV, Excel, JSON. Pure: values in, bytes out, in English for everybody."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from io import BytesIO, StringIO
from typing import Any, Final

from django.utils import translation
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

MIME: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
"""Media type of each form."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@translation.override("en")
def table(form: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Write rows in one of the forms of `MIME`."""
    return {"csv": _csv, "xlsx": _xlsx, "json": _json}[form](columns, rows)


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_harmless(_plain(row.get(column))) for column in columns])
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")


def _xlsx(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("RetinEye")
    sheet.freeze_panes = "A2"
    sheet.append(list(columns))
    for row in rows:
        cells = []
        for column in columns:
            value = _plain(row.get(column))
            cell = WriteOnlyCell(sheet)
            if isinstance(value, str):
                # As text, whatever it looks like: a name that begins with = is no formula.
                cell.value, cell.data_type = ILLEGAL_CHARACTERS_RE.sub("", value), "s"
            else:
                cell.value = value
            cells.append(cell)
        sheet.append(cells)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _json(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    listed = [{column: _plain(row.get(column)) for column in columns} for row in rows]
    return json.dumps(listed, ensure_ascii=False, indent=1).encode("utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _harmless(value: Any) -> Any:
    """Keep a spreadsheet from taking text for a formula (OWASP, CSV injection)."""
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value
