"""Count what a clinic does: how much, how fast, and how many photographs could not be graded, by whom and what."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from statistics import median

from django.db.models import Count, Min, Q, QuerySet
from django.utils.translation import gettext as _

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import shadow
from retineye.clinic.models import Exam, Photograph, Standing, State
from retineye.clinic.settings import today_at, zone_of

DAYS = 90
_MOST_DAYS = 5 * 366
_Z = 1.959964
"""Of the normal distribution, for intervals of 95 %."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many photographs of a group could not be graded."""

    name: str
    total: int
    poor: int

    @property
    def share(self) -> float:
        """Give the share, 0-1."""
        return self.poor / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Give the 95 % interval of the share by Wilson, 0-1."""
        return wilson(self.poor, self.total)


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a step took."""

    name: str
    count: int
    median_s: float | None
    slow_s: float | None
    """Nine of ten were faster (seconds)."""


@dataclass(frozen=True, slots=True)
class Week:
    """One week, from its Monday."""

    monday: date
    exams: int
    """With a photograph, by the day of the exam."""
    signed: int
    photographs: int
    signature_s: float | None
    """Median from the first photograph to the signature, of what was signed in the week (seconds)."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Everything that is counted of a clinic between two days."""

    first: date
    last: date
    exams: int
    patients: int
    photographs: int
    signed: int
    waiting: int
    """Exams that wait for a read or a signature now, whenever they were taken."""
    ungradable: Rate
    operators: list[Rate]
    cameras: list[Rate]
    sites: list[Rate]
    waits: list[Wait]
    weeks: list[Week]
    in_shadow: bool
    """The clinic keeps verdicts to itself, so nothing is counted of what they say."""


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Give the 95 % interval of a share (0-1) by Wilson's score; all of 0-1 where nothing was counted."""
    if not total:
        return 0.0, 1.0
    share, z2 = hits / total, _Z * _Z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def period_of(user: User, first: date | None, last: date | None) -> tuple[date, date]:
    """Give the days to count: those named, else the last ninety; never the wrong way round, nor above five years."""
    last = last or today_at(user.membership.organisation_id)
    first = first or last - timedelta(days=DAYS - 1)
    first, last = min(first, last), max(first, last)
    return max(first, last - timedelta(days=_MOST_DAYS)), last


def statistics_of(user: User, first: date | None = None, last: date | None = None) -> Statistics:
    """Count everything between two days, both included, by the clinic's clock."""
    require(user, Right.SEE_STATISTICS)
    clinic = user.membership.organisation_id
    first, last = period_of(user, first, last)
    zone = zone_of(clinic)
    begin = datetime.combine(first, time.min, zone)
    end = datetime.combine(last + timedelta(days=1), time.min, zone)
    hidden = shadow.in_shadow(clinic)
    mine = Photograph.objects.filter(exam__clinic_id=clinic)
    sent = mine.filter(created_at__gte=begin, created_at__lt=end)
    # Also what was taken out again: that it could not be graded is a fact of who took it, and with what.
    judged = sent.filter(state__in=(State.GRADED, State.UNGRADABLE))
    exams = Exam.objects.filter(clinic_id=clinic, cancelled_at=None)
    taken = exams.filter(taken_on__gte=first, taken_on__lte=last).exclude(standing=Standing.EMPTY)
    signed = exams.filter(signed_at__gte=begin, signed_at__lt=end)
    weeks, signing = _weeks(taken, signed, sent, first, last, zone)
    return Statistics(
        first=first,
        last=last,
        exams=taken.count(),
        patients=taken.values("patient").distinct().count(),
        photographs=sent.count(),
        signed=len(signing),
        waiting=exams.filter(read_state__in=("unread", "second", "arbitration", "read")).count(),
        ungradable=_total(judged, hidden),
        operators=[] if hidden else _rates(judged, "created_by__full_name", _("not known")),
        cameras=[] if hidden else _rates(judged, "camera", _("not named in the file")),
        sites=[] if hidden else _by_site(judged),
        waits=[_wait(_("Photograph to verdict"), _verdict_times(sent)), _wait(_("Photograph to signature"), signing)],
        weeks=weeks,
        in_shadow=hidden,
    )


def _total(judged: QuerySet[Photograph], hidden: bool) -> Rate:
    if hidden:
        return Rate(_("All"), 0, 0)
    counted = judged.aggregate(total=Count("pk"), poor=Count("pk", filter=Q(state=State.UNGRADABLE)))
    return Rate(_("All"), counted["total"], counted["poor"])


def _rates(judged: QuerySet[Photograph], key: str, nameless: str) -> list[Rate]:
    rows = judged.order_by().values(key).annotate(total=Count("pk"), poor=Count("pk", filter=Q(state=State.UNGRADABLE)))
    found = [Rate(row[key] or nameless, row["total"], row["poor"]) for row in rows]
    return sorted(found, key=lambda rate: (-rate.total, rate.name))


def _by_site(judged: QuerySet[Photograph]) -> list[Rate]:
    # Sites have a name only where the clinic has more than one place.
    if not any(field.name == "site" for field in Exam._meta.get_fields()):
        return []
    return _rates(judged, "exam__site__name", _("no site"))


def _verdict_times(sent: QuerySet[Photograph]) -> list[float]:
    rows = sent.annotate(at=Min("verdicts__created_at")).filter(at__isnull=False).values_list("created_at", "at")
    return [(at - sent_at).total_seconds() for sent_at, at in rows]


def _wait(name: str, times: Iterable[float]) -> Wait:
    ordered = sorted(max(0.0, one) for one in times)
    if not ordered:
        return Wait(name, 0, None, None)
    return Wait(name, len(ordered), median(ordered), ordered[min(len(ordered) - 1, math.ceil(0.9 * len(ordered)) - 1)])


def _weeks(
    taken: QuerySet[Exam], signed: QuerySet[Exam], sent: QuerySet[Photograph], first: date, last: date, zone: tzinfo
) -> tuple[list[Week], list[float]]:
    exams: dict[date, int] = {}
    for row in taken.order_by().values("taken_on").annotate(n=Count("pk")):
        exams[_monday(row["taken_on"])] = exams.get(_monday(row["taken_on"]), 0) + row["n"]
    photographs: dict[date, int] = {}
    for moment in sent.values_list("created_at", flat=True).iterator():
        monday = _monday(moment.astimezone(zone).date())
        photographs[monday] = photographs.get(monday, 0) + 1
    times: dict[date, list[float]] = {}
    with_first = signed.annotate(began=Min("photographs__created_at")).values_list("signed_at", "began", "created_at")
    for at, began, opened in with_first:
        monday = _monday(at.astimezone(zone).date())  # type: ignore[union-attr]
        times.setdefault(monday, []).append((at - (began or opened)).total_seconds())  # type: ignore[operator]
    weeks = []
    monday = _monday(first)
    while monday <= last:
        done = times.get(monday, [])
        weeks.append(
            Week(
                monday,
                exams.get(monday, 0),
                len(done),
                photographs.get(monday, 0),
                median(done) if done else None,
            )
        )
        monday += timedelta(days=7)
    return weeks, [one for done in times.values() for one in done]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
