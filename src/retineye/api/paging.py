"""Lists page by page: a cursor names the last row that was given, so that new rows shift nothing."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from ninja import Schema
from pydantic import Field

from retineye.api.problems import Problem, ProblemError

MOST: Final = 200

Row = TypeVar("Row", bound=Model)
Out = TypeVar("Out")


class Page(Schema, Generic[Out]):
    """A page of a list."""

    items: list[Out]
    next: str | None = None
    """The cursor of the next page; null at the end."""


class Paging(Schema):
    """Which page."""

    cursor: Annotated[str, Field(max_length=500, pattern=r"^[A-Za-z0-9_-]*$")] = ""
    limit: Annotated[int, Field(ge=1, le=MOST)] = 50


@dataclass(frozen=True, slots=True)
class Taken(Generic[Row]):
    """The rows of a page, and the cursor of the next."""

    rows: list[Row]
    next: str | None


def take(rows: QuerySet[Row], paging: Paging, order: Sequence[str]) -> Taken[Row]:
    """Give the page that the cursor asks for.

    Parameters
    ----------
    order
        Columns that are never null and together tell every row from every other; a minus turns one round.
    """
    try:
        if paging.cursor:
            rows = rows.filter(_after(order, _read(paging.cursor, len(order))))
        found = list(rows.order_by(*order)[: paging.limit + 1])
    except (ValueError, TypeError, ValidationError, OverflowError) as exc:
        raise ProblemError(Problem.BAD_CURSOR) from exc
    more = len(found) > paging.limit
    found = found[: paging.limit]
    return Taken(found, _write(found[-1], order) if more else None)


def page(
    rows: QuerySet[Row], paging: Paging, order: Sequence[str], show: Callable[[list[Row]], list[Any]]
) -> dict[str, Any]:
    """Give a page as it is answered."""
    taken = take(rows, paging, order)
    return {"items": show(taken.rows), "next": taken.next}


def _after(order: Sequence[str], values: Sequence[Any]) -> Q:
    found = Q()
    same = Q()
    for column, value in zip(order, values, strict=True):
        name = column.lstrip("-")
        found |= same & Q(**{f"{name}__{'lt' if column.startswith('-') else 'gt'}": value})
        same &= Q(**{name: value})
    return found


def _write(row: Model, order: Sequence[str]) -> str:
    values = [_plain(getattr(row, column.lstrip("-"))) for column in order]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _read(cursor: str, length: int) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as exc:
        raise ProblemError(Problem.BAD_CURSOR) from exc
    if not isinstance(values, list) or len(values) != length or not all(isinstance(one, str | int) for one in values):
        raise ProblemError(Problem.BAD_CURSOR)
    return values
