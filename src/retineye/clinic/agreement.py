"""How often readers and the software agree, and readers with each other: by reader, pack, site and month.

What counts is the read as it was first recorded: who corrects it after seeing the software's grade has seen it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.utils import timezone

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic.models import Review
from retineye.grading.result import Grade

GRADES = len(Grade)
FEW = 30
"""Below so many eyes a kappa says little."""

_EYES = ("right", "left")


@dataclass(slots=True)
class Agreement:
    """Two grades of each of many eyes: rows the one (the software, or the first reader), columns the other."""

    matrix: list[list[int]] = field(default_factory=lambda: [[0] * GRADES for _ in range(GRADES)])
    reads: int = 0
    """Reads of whole exams."""
    overridden: int = 0
    """Reads that say something else of an eye's grade or macula than the software."""
    unreadable: int = 0
    """Eyes that the software graded and the reader could not read."""

    @property
    def eyes(self) -> int:
        """Give how many eyes have both grades."""
        return sum(map(sum, self.matrix))

    @property
    def same(self) -> float | None:
        """Give the share of eyes (0-1) with the very same grade; None where there are no eyes."""
        return sum(self.matrix[grade][grade] for grade in range(GRADES)) / self.eyes if self.eyes else None

    @property
    def higher(self) -> int:
        """Count the eyes that the second found worse than the first."""
        return sum(self.matrix[row][column] for row in range(GRADES) for column in range(row + 1, GRADES))

    @property
    def lower(self) -> int:
        """Count the eyes that the second found better than the first."""
        return sum(self.matrix[row][column] for row in range(GRADES) for column in range(row))

    @property
    def kappa(self) -> float | None:
        """Give Cohen's kappa with quadratic weights; None where it is not defined."""
        return quadratic_kappa(self.matrix)

    @property
    def override_rate(self) -> float | None:
        """Give the share (0-1) of reads that differ from the software; None without reads."""
        return self.overridden / self.reads if self.reads else None

    @property
    def few(self) -> bool:
        """Say whether there are too few eyes to lean on the number."""
        return self.eyes < FEW


def quadratic_kappa(matrix: Sequence[Sequence[int]]) -> float | None:
    """Give Cohen's kappa with quadratic weights of a square matrix of counts.

    Returns
    -------
    float or None
        1 for perfect agreement, 0 for what chance alone would give; None without eyes, or where chance alone would
        agree perfectly, as when both only ever say one and the same grade.

    References
    ----------
    Cohen J. Weighted kappa. Psychol Bull 1968;70:213-220.
    """
    size = len(matrix)
    total = sum(map(sum, matrix))
    if not total:
        return None
    rows = [sum(row) for row in matrix]
    columns = [sum(row[column] for row in matrix) for column in range(size)]
    seen = expected = 0.0
    for row in range(size):
        for column in range(size):
            weight = (row - column) ** 2
            seen += weight * matrix[row][column]
            expected += weight * rows[row] * columns[column] / total
    return 1 - seen / expected if expected else None


@dataclass(frozen=True, slots=True)
class Named:
    """The agreement of one reader, pack, site or month."""

    name: str
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class Report:
    """What the page of agreement shows."""

    total: Agreement
    blind: Agreement
    """Of reads that were made before the reader saw the software's grade: the fair comparison."""
    readers: list[Named]
    packs: list[Named]
    months: list[Named]
    """In order, each as YYYY-MM; months without reads too."""
    between: Agreement
    """First reads against second reads."""
    sites: list[Named]


def agreement_for(user: User, since: date, until: date) -> Report:
    """Give how readers and software agreed in the person's clinic, from one day to another, both included.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not see it.
    """
    require(user, Right.SEE_AGREEMENT)
    clinic = user.membership.organisation_id
    zone = timezone.get_current_timezone()
    begin = datetime.combine(since, time.min, zone)
    end = datetime.combine(until + timedelta(days=1), time.min, zone)
    rows = Review.objects.filter(exam__clinic_id=clinic, revises=None, created_at__gte=begin, created_at__lt=end)
    reads = list(rows.select_related("reader", "exam__site").order_by("created_at"))
    return Report(
        total=_of(reads),
        blind=_of(read for read in reads if read.blind),
        readers=_by(reads, lambda read: read.reader.full_name),
        packs=_by((read for read in reads if read.pack_id), lambda read: read.pack_id),
        months=_months(reads, since, until),
        between=_between(reads),
        sites=_by(
            (read for read in reads if read.exam.site), lambda read: read.exam.site.name if read.exam.site else ""
        ),
    )


def _of(reads: Iterable[Review]) -> Agreement:
    found = Agreement()
    for read in reads:
        # Who arbitrates has both reads and often the software before the eyes: no opinion of its own.
        if read.kind == Review.Kind.ARBITRATION:
            continue
        found.reads += 1
        found.overridden += read.overrides
        for eye in _EYES:
            machine, grade = getattr(read, f"{eye}_machine"), getattr(read, f"{eye}_grade")
            if machine is not None and grade is not None:
                found.matrix[machine][grade] += 1
            elif machine is not None and getattr(read, f"{eye}_quality") == "unreadable":
                found.unreadable += 1
    return found


def _by(reads: Iterable[Review], key: Callable[[Review], str]) -> list[Named]:
    groups: dict[str, list[Review]] = defaultdict(list)
    for read in reads:
        groups[key(read)].append(read)
    return [Named(name, _of(groups[name])) for name in sorted(groups)]


def _months(reads: Iterable[Review], since: date, until: date) -> list[Named]:
    named = {one.name: one for one in _by(reads, lambda read: f"{timezone.localtime(read.created_at):%Y-%m}")}
    months, day = [], since.replace(day=1)
    while day <= until:
        name = f"{day:%Y-%m}"
        months.append(named.get(name) or Named(name, Agreement()))
        day = (day + timedelta(days=32)).replace(day=1)
    return months


def _between(reads: Iterable[Review]) -> Agreement:
    pairs: dict[UUID, dict[str, Review]] = defaultdict(dict)
    for read in reads:
        pairs[read.exam_id][read.kind] = read
    found = Agreement()
    for pair in pairs.values():
        first, second = pair.get(Review.Kind.FIRST), pair.get(Review.Kind.SECOND)
        if first is None or second is None:
            continue
        found.reads += 1
        for eye in _EYES:
            one, other = getattr(first, f"{eye}_grade"), getattr(second, f"{eye}_grade")
            if one is not None and other is not None:
                found.matrix[one][other] += 1
    return found
