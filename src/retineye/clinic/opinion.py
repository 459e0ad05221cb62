"""What the people who read an exam make of it together: which reads count, and what is to be done next.

A read counts while the photographs are those that it was made from, and no signature was withdrawn since. Of several
reads of one kind the latest counts: who reads again before anybody signs has corrected a slip.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from retineye.clinic.models import Dme, Exam, Eye, ReadState, Review, Signature, State
from retineye.clinic.outcome import Outcome, Pictured
from retineye.clinic.referral import Conclusion

_TO_READ_WITHOUT_PHOTOGRAPHS = (Conclusion.EXAMINATION, Conclusion.REFER)


@dataclass(frozen=True, slots=True)
class Opinion:
    """The reads of an exam that count, and the signature that stands."""

    first: Review | None = None
    second: Review | None = None
    arbitration: Review | None = None
    signature: Signature | None = None
    """With its review and the person who signed."""

    @property
    def reads(self) -> tuple[Review, ...]:
        """Give the reads that count, in their order."""
        return tuple(read for read in (self.first, self.second, self.arbitration) if read is not None)

    @property
    def readers(self) -> frozenset[UUID]:
        """Give who has read."""
        return frozenset(read.reader_id for read in self.reads)

    @property
    def disputed(self) -> bool:
        """Say whether the two reads differ and nobody has arbitrated."""
        both = self.first is not None and self.second is not None
        return both and self.arbitration is None and differ(self.first, self.second)  # type: ignore[arg-type]

    @property
    def deciding(self) -> Review | None:
        """Give the read that holds: the signed one, else the arbitration, else the first; None while two differ."""
        if self.signature is not None:
            return self.signature.review
        return None if self.disputed else self.arbitration or self.first

    def of(self, reader_id: UUID) -> Review | None:
        """Give the person's own read, the latest kind first."""
        mine = [read for read in self.reads if read.reader_id == reader_id]
        return mine[-1] if mine else None

    def to_sign(self, reader_id: UUID) -> Review | None:
        """Give the read that the person may sign: one's own, where it is one that decides."""
        if self.disputed or self.first is None:
            return None
        mine = self.of(reader_id)
        if self.arbitration is not None:
            return mine if mine is self.arbitration else None
        return mine


def differ(one: Review, other: Review) -> bool:
    """Say whether two reads of an exam say different things of an eye."""
    return any(_said(one, eye) != _said(other, eye) for eye in Eye)


def _said(read: Review, eye: Eye) -> tuple[object, ...]:
    return read.readable(eye), read.grade_of(eye), read.dme_of(eye) == Dme.SUSPECTED


def opinions_of(exams: Iterable[UUID], pictures: dict[UUID, list[Pictured]]) -> dict[UUID, Opinion]:
    """Give the opinion on each exam, by its id. Two queries, however many exams."""
    wanted = list(exams)
    signatures: dict[UUID, list[Signature]] = {}
    rows = Signature.objects.filter(exam__in=wanted).select_related("review__reader", "signed_by")
    for signature in rows.order_by("signed_at"):
        signatures.setdefault(signature.exam_id, []).append(signature)
    reads: dict[UUID, list[Review]] = {}
    for read in Review.objects.filter(exam__in=wanted).select_related("reader").order_by("created_at", "id"):
        reads.setdefault(read.exam_id, []).append(read)
    return {exam: _opinion(reads.get(exam, []), signatures.get(exam, []), pictures[exam]) for exam in wanted}


def opinion_of(exam: Exam, pictures: list[Pictured]) -> Opinion:
    """Give the opinion on one exam."""
    return opinions_of([exam.pk], {exam.pk: pictures})[exam.pk]


def _opinion(reads: list[Review], signatures: list[Signature], pictures: list[Pictured]) -> Opinion:
    standing = next((one for one in signatures if one.withdrawn_at is None), None)
    since = max((one.withdrawn_at for one in signatures if one.withdrawn_at), default=None)
    now = shown(pictures)
    counting = {
        read.kind: read
        for read in reads
        if (since is None or read.created_at > since)
        and (standing is not None or {(one["photograph"], one["eye"]) for one in read.seen} == now)
    }
    return Opinion(
        counting.get(Review.Kind.FIRST),
        counting.get(Review.Kind.SECOND),
        counting.get(Review.Kind.ARBITRATION),
        standing,
    )


def shown(pictures: Iterable[Pictured]) -> set[tuple[str, str]]:
    """Name the photographs that a reader sees, each with its eye."""
    return {(str(one.photograph.pk), one.photograph.eye) for one in pictures}


def read_state(exam: Exam, opinion: Opinion, machine: Outcome, pictures: list[Pictured]) -> ReadState:
    """Say what the exam asks of doctors."""
    if opinion.signature is not None:
        return ReadState.SIGNED
    if exam.cancelled_at or not _can_be_read(exam, machine, pictures):
        return ReadState.NOT_YET
    if opinion.first is None:
        return ReadState.UNREAD
    if exam.second_read and opinion.second is None:
        return ReadState.SECOND
    return ReadState.ARBITRATION if opinion.disputed else ReadState.READ


def _can_be_read(exam: Exam, machine: Outcome, pictures: list[Pictured]) -> bool:
    if not pictures:
        # Nothing will come: it was handed over so, or a reason closes both eyes.
        closed = exam.submitted_at is not None or all(bool(getattr(exam, f"{eye.value}_absence")) for eye in Eye)
        return closed and machine.patient.conclusion in _TO_READ_WITHOUT_PHOTOGRAPHS
    return all(State(one.photograph.state).final for one in pictures)
