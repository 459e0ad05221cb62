"""The lists that people see: order, filters, counts, pages, and what each exam says.

Everything that a list chooses and sorts by stands on the exam itself (see `standing`), in one index, so that a hundred
thousand exams are listed and counted in a moment. A page begins where the one before ended, not after so many rows: it
costs the same however deep it lies, and nothing is shown twice or left out when an exam changes its place.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from retineye.accounts.models import User
from retineye.accounts.policy import Person, Right, allowed
from retineye.clinic.access import exams_for, patients_for
from retineye.clinic.blind import Sight, reads_blind, sights_of
from retineye.clinic.models import Exam, Patient, ReadState, Standing, search_key
from retineye.clinic.outcome import Outcome

_UNSIGNED = (ReadState.UNREAD, ReadState.SECOND, ReadState.ARBITRATION, ReadState.READ)
_AGREED = (ReadState.READ, ReadState.SIGNED)


class Show(StrEnum):
    """Which exams a list holds."""

    ATTENTION = "attention"
    """Whatever asks something of a person."""
    UNSIGNED = "unsigned"
    """Whatever a doctor still has to read or sign."""
    MINE = "mine"
    """What is to be read or signed and assigned to the person."""
    SECOND = "second"
    """What waits for a second read or an arbitration."""
    ESCALATED = "escalated"
    """What presses and has waited too long unread."""
    REFER = "refer"
    UNSURE = "unsure"
    INCOMPLETE = "incomplete"
    GRADING = "grading"
    ROUTINE = "routine"
    SIGNED = "signed"
    ALL = "all"


_ROWS: Mapping[Show, Q] = MappingProxyType(
    {
        Show.ATTENTION: ~Q(standing__in=(Standing.ROUTINE, Standing.PENDING, Standing.CANCELLED))
        & ~Q(read_state=ReadState.SIGNED),
        Show.UNSIGNED: Q(read_state__in=_UNSIGNED),
        Show.SECOND: Q(read_state__in=(ReadState.SECOND, ReadState.ARBITRATION)),
        Show.ESCALATED: Q(escalated_at__isnull=False),
        Show.REFER: Q(standing__in=(Standing.REFER, Standing.EXAMINATION)),
        Show.UNSURE: Q(unsure=True),
        Show.INCOMPLETE: Q(standing__in=(Standing.INCOMPLETE, Standing.EMPTY)),
        Show.GRADING: Q(standing=Standing.PENDING),
        Show.ROUTINE: Q(standing=Standing.ROUTINE),
        Show.SIGNED: Q(read_state=ReadState.SIGNED),
        Show.ALL: Q(),
    }
)
_NEWEST_FIRST = (Show.ALL, Show.ROUTINE, Show.SIGNED)
# What these hold is decided by the machine's verdict, which a blind reader must not learn from a list's name.
TELLING = frozenset({Show.ATTENTION, Show.REFER, Show.UNSURE, Show.INCOMPLETE, Show.ROUTINE})
"""Lists that tell what the software says of an exam; they hold what is read already, for who reads blind."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a person narrows a list by."""

    text: str = ""
    """Words of the patient's name, or the clinic's number."""
    grades: frozenset[int] = frozenset()
    eye: str = ""
    """right, left, or empty for either."""
    taken_from: date | None = None
    taken_to: date | None = None
    unsure: bool = False
    ungradable: bool = False
    macula: bool = False
    """Macular oedema is suspected."""
    unsigned: bool = False
    mine: bool = False
    """Assigned to the person."""
    site: UUID | None = None

    @property
    def telling(self) -> bool:
        """Say whether they choose by what is known of the eyes."""
        return bool(self.grades) or self.unsure or self.ungradable or self.macula

    @property
    def any(self) -> bool:
        """Say whether anything is narrowed besides the text."""
        return self != Filters(text=self.text)


NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an exam in the order of a list: a page begins after it, or ends before it."""

    urgency: int
    created_at: datetime
    pk: UUID

    def __str__(self) -> str:
        return f"{self.urgency}~{self.created_at.isoformat()}~{self.pk}"

    @classmethod
    def of(cls, exam: Exam) -> "Place":
        """Give the place of an exam."""
        return cls(exam.urgency, exam.created_at, exam.pk)

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """Read what `str` wrote; None for anything else."""
        try:
            urgency, moment, pk = text.split("~")
            created_at = datetime.fromisoformat(moment)
            return cls(int(urgency), created_at, UUID(pk)) if created_at.tzinfo else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Row:
    """One exam on a list."""

    exam: Exam
    patient: Patient
    sight: Sight

    @property
    def outcome(self) -> Outcome:
        """Give what holds for the person; not to be shown where `sight.hidden`."""
        return self.sight.outcome


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a list."""

    rows: list[Row]
    before: Place | None
    """The page before ends before this place; None on the first page."""
    after: Place | None
    """The next page begins after this place; None on the last page."""


def page_of(
    user: Person,
    show: Show = Show.ATTENTION,
    filters: Filters = NO_FILTERS,
    *,
    after: Place | None = None,
    before: Place | None = None,
    limit: int = 25,
) -> Page:
    """Give a page of the person's list: what presses most first, and of alike exams the one that waits longest.

    Where nothing presses (everything, routine, signed), the latest exam comes first.
    """
    rows = _chosen(user, show, filters)
    newest = show in _NEWEST_FIRST
    back = before is not None
    if before is not None:
        found = list(_ordered(rows.filter(_beyond(before, newest, back=True)), newest, back=True)[: limit + 1])
    else:
        found = list(_ordered(rows.filter(_beyond(after, newest)) if after else rows, newest)[: limit + 1])
    more = len(found) > limit
    exams = found[:limit][::-1] if back else found[:limit]
    if not exams:
        return Page([], None, None)
    first, last = Place.of(exams[0]), Place.of(exams[-1])
    sights = sights_of(user, exams)
    return Page(
        [Row(exam, exam.patient, sights[exam.pk]) for exam in exams],
        before=first if (more if back else after is not None) else None,
        after=last if (True if back else more) else None,
    )


def worklist_for(
    user: Person, show: Show = Show.ATTENTION, filters: Filters = NO_FILTERS, *, limit: int = 50
) -> list[Row]:
    """Give the beginning of the person's list."""
    return page_of(user, show, filters, limit=limit).rows


def neighbours(user: Person, show: Show, filters: Filters, exam: Exam) -> tuple[UUID | None, UUID | None]:
    """Give the exams before and after an exam in a list; None at its ends."""
    rows, place, newest = _chosen(user, show, filters), Place.of(exam), show in _NEWEST_FIRST
    before = _ordered(rows.filter(_beyond(place, newest, back=True)), newest, back=True)
    after = _ordered(rows.filter(_beyond(place, newest)), newest)
    return before.values_list("pk", flat=True).first(), after.values_list("pk", flat=True).first()


def counts_for(user: Person, filters: Filters = NO_FILTERS) -> dict[Show, int]:
    """Give the length of each list, in one query."""
    blind = reads_blind(user)
    wanted = {show.value: Count("pk", filter=_list(user, show, blind=blind)) for show in Show if show is not Show.ALL}
    rows = _filtered(exams_for(user), user, filters, blind=blind).order_by()
    counted = rows.aggregate(**wanted, **{Show.ALL.value: Count("pk")})
    return {show: counted[show.value] for show in Show}


def escalated_for(user: Person) -> int:
    """Give how many exams of the person's clinic press and have waited too long, for who must see to it."""
    if not (allowed(user, Right.READ) or allowed(user, Right.ASSIGN)):
        return 0
    return exams_for(user).filter(escalated_at__isnull=False).count()


def _chosen(user: Person, show: Show, filters: Filters) -> QuerySet[Exam]:
    blind = reads_blind(user)
    return _filtered(exams_for(user), user, filters, blind=blind).filter(_list(user, show, blind=blind))


def _list(user: Person, show: Show, *, blind: bool) -> Q:
    if show is Show.MINE:
        return Q(read_state__in=_UNSIGNED, assigned_to=user.pk)
    rows = _ROWS[show]
    return rows & Q(read_state__in=_AGREED) if blind and show in TELLING else rows


def _filtered(rows: QuerySet[Exam], user: Person, filters: Filters, *, blind: bool) -> QuerySet[Exam]:
    for one in _conditions(user, filters):
        rows = rows.filter(one)
    return rows.filter(read_state__in=_AGREED) if blind and filters.telling else rows


def _conditions(user: Person, filters: Filters) -> Iterator[Q]:
    key = search_key(filters.text)
    if key:
        yield Q(patient__in=_patients(user, filters.text, key))
    if filters.grades:
        right, left = (Q(**{f"{eye}_grade__in": sorted(filters.grades)}) for eye in ("right", "left"))
        yield right if filters.eye == "right" else left if filters.eye == "left" else right | left
    if filters.taken_from:
        yield Q(taken_on__gte=filters.taken_from)
    if filters.taken_to:
        yield Q(taken_on__lte=filters.taken_to)
    if filters.site:
        yield Q(site=filters.site)
    for wanted, condition in (
        (filters.unsure, Q(unsure=True)),
        (filters.ungradable, Q(ungradable=True)),
        (filters.macula, Q(dme_suspected=True)),
        (filters.unsigned, Q(read_state__in=_UNSIGNED)),
        (filters.mine, Q(assigned_to=user.pk)),
    ):
        if wanted:
            yield condition


def _patients(user: Person, text: str, key: str) -> QuerySet[Patient, UUID]:
    named = Q()
    for word in key.split():
        named &= Q(name_key__contains=word)
    return patients_for(user).filter(named | Q(local_id__iexact=text.strip())).values_list("pk", flat=True)


def _ordered(rows: QuerySet[Exam], newest: bool, *, back: bool = False) -> QuerySet[Exam]:
    order: tuple[str, ...] = ("-created_at", "-pk") if newest else ("-urgency", "created_at", "pk")
    if back:
        order = tuple(name.removeprefix("-") if name.startswith("-") else f"-{name}" for name in order)
    return rows.order_by(*order)


def _beyond(place: Place, newest: bool, *, back: bool = False) -> Q:
    # The bound that comes first lets the index begin at the place; the rest tells alike ones apart.
    later = newest == back
    moment = ("gt", "gte") if later else ("lt", "lte")
    alike = Q(created_at=place.created_at, **{f"pk__{moment[0]}": place.pk})
    there = Q(**{f"created_at__{moment[0]}": place.created_at}) | alike
    if newest:
        return Q(**{f"created_at__{moment[1]}": place.created_at}) & there
    pressing = ("gt", "gte") if back else ("lt", "lte")
    return Q(**{f"urgency__{pressing[1]}": place.urgency}) & (
        Q(**{f"urgency__{pressing[0]}": place.urgency}) | (Q(urgency=place.urgency) & there)
    )


def start_of(user: User) -> Show:
    """Give the list that a person's day begins with."""
    return Show.UNSIGNED if allowed(user, Right.READ) else Show.ATTENTION
