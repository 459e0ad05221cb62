"""Who may not see the machine's verdict yet: in a clinic that reads blind first, whoever still has to read the exam."""

from collections.abc import Iterable
from uuid import UUID

from retineye.accounts.models import User
from retineye.accounts.policy import Person, Right, allowed
from retineye.clinic.models import Exam, ReadState
from retineye.clinic.opinion import opinions_of
from retineye.clinic.outcome import pictured
from retineye.clinic.settings import settings_of


def reads_blind(user: Person) -> bool:
    """Say whether the person is one who reads, in a clinic that reads blind first."""
    if not isinstance(user, User) or not allowed(user, Right.READ):
        return False
    return settings_of(user.membership.organisation_id).blind_first


def hides(user: Person, exam: Exam) -> bool:
    """Say whether the machine's verdict on the exam is kept from the person until the person's read is recorded."""
    return bool(hidden_among(user, [exam]))


def hidden_among(user: Person, exams: Iterable[Exam]) -> frozenset[UUID]:
    """Give the ids of those exams whose verdicts are kept from the person."""
    if not isinstance(user, User) or not reads_blind(user):
        return frozenset()
    unsigned = [exam.pk for exam in exams if exam.read_state != ReadState.SIGNED]
    opinions = opinions_of(unsigned, pictured(unsigned))
    return frozenset(pk for pk, opinion in opinions.items() if user.pk not in opinion.readers)
