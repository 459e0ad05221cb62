"""What a person may see of an exam, and who may not see the machine's verdict yet.

In a clinic that reads blind first, the verdict is kept from whoever reads until that person's own read is recorded. A
second reader never sees the first read before the own one is recorded, in any clinic.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from retineye.accounts.models import User
from retineye.accounts.policy import Person, Right, allowed
from retineye.clinic import shadow
from retineye.clinic.models import Exam, ReadState, Review
from retineye.clinic.opinion import Opinion, opinions_of
from retineye.clinic.outcome import Outcome, Pictured, outcome, pictured
from retineye.clinic.settings import settings_of
from retineye.clinic.signed import most_urgent, read_outcome


@dataclass(frozen=True, slots=True)
class Sight:
    """What one person sees of an exam."""

    pictures: list[Pictured]
    machine: Outcome
    """What the software says; not to be shown where it is hidden."""
    opinion: Opinion
    hidden: bool
    """The software's verdict is kept from this person until the person's own read is recorded."""
    outcome: Outcome
    """What holds for this person: as signed, else as read so far as the person may know, else the software's."""
    reads: tuple[Review, ...]
    """The reads that this person may see."""

    @property
    def signed(self) -> bool:
        """Say whether a signature stands."""
        return self.opinion.signature is not None


def reads_blind(user: Person) -> bool:
    """Say whether the person is one who reads, in a clinic that reads blind first."""
    if not isinstance(user, User) or not allowed(user, Right.READ):
        return False
    decided = settings_of(user.membership.organisation_id)
    return decided.blind_first or decided.shadow_mode


def hides(user: Person, exam: Exam) -> bool:
    """Say whether the machine's verdict on the exam is kept from the person until the person's read is recorded."""
    return bool(hidden_among(user, [exam]))


def hidden_among(user: Person, exams: Iterable[Exam]) -> frozenset[UUID]:
    """Give the ids of those exams whose verdicts are kept from the person."""
    if not isinstance(user, User):
        return frozenset()
    if shadow.in_shadow(user.membership.organisation_id):
        return frozenset(exam.pk for exam in exams)
    if not reads_blind(user):
        return frozenset()
    unsigned = [exam.pk for exam in exams if exam.read_state != ReadState.SIGNED]
    opinions = opinions_of(unsigned, pictured(unsigned))
    return frozenset(pk for pk, opinion in opinions.items() if user.pk not in opinion.readers)


def sights_of(user: Person, exams: Iterable[Exam]) -> dict[UUID, Sight]:
    """Give what the person sees of each exam, by its id: four queries at most, and two for the person."""
    listed = list(exams)
    keys = [exam.pk for exam in listed]
    pictures = pictured(keys)
    # Of what nobody has read yet there is nothing to gather.
    read = [exam.pk for exam in listed if exam.read_state not in (ReadState.NOT_YET, ReadState.UNREAD)]
    opinions = opinions_of(read, pictures) if read else {}
    blind, reader = reads_blind(user), allowed(user, Right.READ)
    user_id = user.pk if isinstance(user, User) else None
    return {
        exam.pk: _sight(exam, pictures[exam.pk], opinions.get(exam.pk, Opinion()), user_id, blind=blind, reader=reader)
        for exam in listed
    }


def sight_of(user: Person, exam: Exam) -> Sight:
    """Give what the person sees of one exam."""
    return sights_of(user, [exam])[exam.pk]


def _sight(
    exam: Exam, pictures: list[Pictured], opinion: Opinion, user_id: UUID | None, *, blind: bool, reader: bool
) -> Sight:
    machine = outcome(exam, pictures)
    if opinion.signature is not None:
        holds = read_outcome(exam, opinion.signature.review, machine, signed=True)
        return Sight(pictures, machine, opinion, False, holds, opinion.reads)
    own = opinion.of(user_id) if user_id else None
    may_know = not reader or own is not None or opinion.second is not None
    reads = opinion.reads if may_know else ()
    holds = most_urgent([machine, *(read_outcome(exam, read, machine, signed=False) for read in reads)])
    return Sight(pictures, machine, opinion, blind and own is None, holds, reads)
