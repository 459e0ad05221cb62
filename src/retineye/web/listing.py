"""The worklist's address: which list, which filters, which place in it; read from a query and written to one."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from retineye.accounts.models import User
from retineye.accounts.policy import Right, allowed
from retineye.clinic.words import grade_name
from retineye.clinic.worklist import Filters, Place, Show, start_of
from retineye.grading.result import Grade

TITLES: Final = {
    Show.UNSIGNED: _("To read and sign"),
    Show.ATTENTION: _("Needs attention"),
    Show.MINE: _("Assigned to me"),
    Show.SECOND: _("Read twice"),
    Show.ESCALATED: _("Waiting too long"),
    Show.REFER: _("Refer"),
    Show.UNSURE: _("Unsure"),
    Show.INCOMPLETE: _("Ungradable or incomplete"),
    Show.ROUTINE: _("Routine"),
    Show.SIGNED: _("Signed"),
    Show.ALL: _("All"),
}
_READERS_ONLY: Final = (Show.MINE, Show.SECOND)
_WHERE_SOME: Final = (Show.ESCALATED, Show.SECOND, Show.MINE)
_FLAGS: Final = ("unsure", "ungradable", "macula", "unsigned", "mine")
FLAGS: Final = {
    "unsure": _("Unsure"),
    "ungradable": _("Not gradable"),
    "macula": _("Macular oedema suspected"),
    "unsigned": _("Not signed"),
    "mine": _("Assigned to me"),
}
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Listing:
    """One list as a person asks for it."""

    show: Show
    filters: Filters
    after: Place | None = None
    before: Place | None = None

    @property
    def query(self) -> str:
        """Write the list and its filters as a query, without the place."""
        return urlencode([("show", self.show.value), *_pairs(self.filters)])

    def query_of(self, show: Show) -> str:
        """Write another list with the same filters as a query."""
        return Listing(show, self.filters).query


def listing_of(user: User, query: QueryDict) -> Listing:
    """Read a list from a query; what can not be read is left out."""
    asked = query.get("show", "")
    show = Show(asked) if asked in (one.value for one in TITLES) else start_of(user)
    grades = frozenset(int(grade) for grade in query.getlist("grade") if grade in {"0", "1", "2", "3", "4"})
    filters = Filters(
        text=query.get("q", "").strip()[:_LONGEST_TEXT],
        grades=grades,
        eye=query.get("eye", "") if query.get("eye") in ("right", "left") else "",
        taken_from=_day(query.get("from", "")),
        taken_to=_day(query.get("to", "")),
        site=_uuid(query.get("site", "")),
        **{flag: query.get(flag) == "1" for flag in _FLAGS},
    )
    return Listing(show, filters, Place.parse(query.get("after", "")), Place.parse(query.get("before", "")))


def _pairs(filters: Filters) -> list[tuple[str, str]]:
    pairs = [("q", filters.text), *(("grade", str(grade)) for grade in sorted(filters.grades)), ("eye", filters.eye)]
    pairs += [("from", filters.taken_from.isoformat() if filters.taken_from else "")]
    pairs += [("to", filters.taken_to.isoformat() if filters.taken_to else "")]
    pairs += [("site", str(filters.site or ""))]
    pairs += [(flag, "1" if getattr(filters, flag) else "") for flag in _FLAGS]
    return [(name, value) for name, value in pairs if value]


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def pills(user: User, listing: Listing, counts: dict[Show, int]) -> list[dict[str, object]]:
    """Give the lists that the person is offered, with their counts; a list of what seldom happens only where it has."""
    reader = allowed(user, Right.READ)
    offered = [
        show
        for show in TITLES
        if (reader or show not in _READERS_ONLY) and (counts[show] or show not in _WHERE_SOME or show is listing.show)
    ]
    return [
        {"key": show.value, "title": TITLES[show], "count": counts[show], "query": listing.query_of(show)}
        for show in offered
    ]


def choices(listing: Listing) -> dict[str, object]:
    """Give what the form of filters offers, and what of it is chosen."""
    filters = listing.filters
    return {
        "grades": [(grade.value, grade_name(grade), grade in filters.grades) for grade in Grade],
        "flags": [(flag, title, getattr(filters, flag)) for flag, title in FLAGS.items()],
        "chosen": filters,
    }
