"""Count what a watcher needs: how much waits and for how long, how fast it goes, and what comes out.

Everything is read from the rows, so any one process answers for all machines, and a process that dies takes no count
with it. Each question goes by an index: it costs the same with ten exams as with ten million.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, F, Min, QuerySet
from django.utils import timezone

from retineye.accounts.audit import Action
from retineye.accounts.models import AuditEvent
from retineye.clinic.models import BatchRow, Photograph, SingleGrade, State, Verdict

LATELY: Final = timedelta(hours=1)
"""Outcomes and uploads are counted over the last hour."""
JUST_NOW: Final = timedelta(minutes=15)
"""Speeds are those of the last quarter of an hour."""
_SAMPLE: Final = 400
"""Speeds are measured on so many verdicts, the latest first."""
WANTED_WAIT_S: Final = 10.0
"""In so many seconds what waits now should be graded: the workers that are wanted are counted from it."""
SHARES: Final = (0.5, 0.95)


@dataclass(frozen=True, slots=True)
class Line:
    """What waits of one kind."""

    kind: str
    """photograph: of an exam; single: of a program; archive: of a row of an archive."""
    waiting: int
    oldest_s: float
    """Since the one that has waited longest came; 0 where none waits (seconds)."""
    busy: int
    """Claims that a living worker holds."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How the service stands at one moment."""

    lines: tuple[Line, ...]
    lapsed: int
    """Claims whose lease has run out and that no sweep has taken back yet."""
    stages: Mapping[str, Mapping[float, float]]
    """For each stage of grading, and `total`: seconds by share (0.5 is the median)."""
    waits: Mapping[float, float]
    """From the arrival of a photograph to its verdict: seconds by share."""
    outcomes: Mapping[str, int]
    """Of the last hour: graded, ungradable, not_fundus, failed."""
    uploads: Mapping[str, int]
    """Of the last hour, by the door they came through."""

    @property
    def workers_wanted(self) -> int:
        """Give how many graders would bring what waits to its verdict in time, besides keeping up with what comes."""
        each_s = self.stages.get("total", {}).get(0.5, 0.0)
        waiting = sum(line.waiting for line in self.lines)
        coming = sum(self.uploads.values()) / LATELY.total_seconds() * each_s
        return max(1, math.ceil(waiting * each_s / WANTED_WAIT_S + coming))


def figures(now: datetime | None = None) -> Figures:
    """Count everything as it is now."""
    now = now or timezone.now()
    stages, waits = _speeds(now)
    return Figures(
        lines=(_photographs(now), _singles(now), _archives()),
        lapsed=Photograph.objects.filter(state=State.GRADING, lease_until__lt=now).count(),
        stages=stages,
        waits=waits,
        outcomes=_outcomes(now),
        uploads=_uploads(now),
    )


def _age(now: datetime, then: datetime | None) -> float:
    return max(0.0, (now - then).total_seconds()) if then else 0.0


def _photographs(now: datetime) -> Line:
    waiting = Photograph.objects.filter(state=State.WAITING).aggregate(count=Count("pk"), first=Min("created_at"))
    busy = Photograph.objects.filter(state=State.GRADING, lease_until__gte=now).count()
    return Line("photograph", waiting["count"], _age(now, waiting["first"]), busy)


def _singles(now: datetime) -> Line:
    waiting = SingleGrade.objects.filter(state=SingleGrade.State.WAITING).aggregate(
        count=Count("pk"), first=Min("created_at")
    )
    busy = SingleGrade.objects.filter(state=SingleGrade.State.GRADING, lease_until__gte=now).count()
    return Line("single", waiting["count"], _age(now, waiting["first"]), busy)


def _archives() -> Line:
    running = BatchRow.objects.filter(batch__state="running")
    return Line("archive", running.filter(state=BatchRow.State.WAITING).count(), 0.0, 0)


def _events(now: datetime, since: timedelta, *actions: Action) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(at__gt=now - since, at__lte=now, action__in=[one.value for one in actions])


def _outcomes(now: datetime) -> dict[str, int]:
    found = {status.value: 0 for status in Verdict.Status} | {"failed": 0}
    rows = _events(now, LATELY, Action.GRADED).order_by().values(status=F("detail__status")).annotate(n=Count("pk"))
    for row in rows:
        found[str(row["status"])] = row["n"]
    found["failed"] = _events(now, LATELY, Action.GRADING_FAILED).count()
    return found


def _uploads(now: datetime) -> dict[str, int]:
    received = _events(now, LATELY, Action.PHOTOGRAPH_RECEIVED)
    rows = received.order_by().values(door=F("detail__via")).annotate(n=Count("pk"))
    return {str(row["door"]): row["n"] for row in rows}


def _speeds(now: datetime) -> tuple[dict[str, dict[float, float]], dict[float, float]]:
    recent = _events(now, JUST_NOW, Action.GRADED).order_by("-at").values_list("detail__verdict", flat=True)[:_SAMPLE]
    rows = list(
        Verdict.objects.filter(pk__in=[str(one) for one in recent if one])
        .order_by()
        .values_list("timings", "attempt", "created_at", "photograph__created_at")
    )
    stages: dict[str, list[float]] = {}
    for timings, *_rest in rows:
        for stage, seconds in timings.items():
            stages.setdefault(stage, []).append(float(seconds))
    # Only the first verdict of a photograph tells how long somebody waited for it.
    waits = [(at - came).total_seconds() for _, attempt, at, came in rows if attempt == 1]
    return {stage: _shares(found) for stage, found in sorted(stages.items())}, _shares(waits)


def _shares(values: Iterable[float]) -> dict[float, float]:
    ordered = sorted(max(0.0, one) for one in values)
    return {share: ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in SHARES} if ordered else {}
