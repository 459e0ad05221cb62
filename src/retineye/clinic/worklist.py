"""The lists that people see: order, counts, and what each exam says."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from django.db.models import Count, Q

from retineye.accounts.policy import Person
from retineye.clinic.access import exams_for
from retineye.clinic.models import Exam, Patient, Standing, search_key
from retineye.clinic.outcome import Outcome, outcomes_of


class Show(StrEnum):
    """Which exams a list holds."""

    ATTENTION = "attention"
    """Whatever asks something of a person."""
    REFER = "refer"
    UNSURE = "unsure"
    INCOMPLETE = "incomplete"
    GRADING = "grading"
    ROUTINE = "routine"
    ALL = "all"


_ROWS: Mapping[Show, Q] = MappingProxyType(
    {
        Show.ATTENTION: ~Q(standing__in=(Standing.ROUTINE, Standing.PENDING, Standing.CANCELLED)),
        Show.REFER: Q(standing__in=(Standing.REFER, Standing.EXAMINATION)),
        Show.UNSURE: Q(unsure=True),
        Show.INCOMPLETE: Q(standing__in=(Standing.INCOMPLETE, Standing.EMPTY)),
        Show.GRADING: Q(standing=Standing.PENDING),
        Show.ROUTINE: Q(standing=Standing.ROUTINE),
        Show.ALL: Q(),
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """One exam on a list."""

    exam: Exam
    patient: Patient
    outcome: Outcome


def worklist_for(
    user: Person, show: Show = Show.ATTENTION, text: str = "", *, limit: int = 50, offset: int = 0
) -> list[Row]:
    """Give a page of the person's list: what presses most first, and of alike exams the one that waits longest.

    Where nothing presses (everything, or routine), the latest exam comes first. Three queries, however long the page,
    and one for who the person is.
    """
    newest = show in (Show.ALL, Show.ROUTINE)
    order = ("-created_at", "id") if newest else ("-urgency", "created_at", "id")
    exams = list(exams_for(user).filter(_ROWS[show], _of_patient(text)).order_by(*order)[offset : offset + limit])
    outcomes = outcomes_of(exams)
    return [Row(exam, exam.patient, outcomes[exam.pk]) for exam in exams]


def counts_for(user: Person, text: str = "") -> dict[Show, int]:
    """Give the length of each list, in one query."""
    wanted = {show.value: Count("pk", filter=rows) if rows else Count("pk") for show, rows in _ROWS.items()}
    counted = exams_for(user).filter(_of_patient(text)).aggregate(**wanted)
    return {show: counted[show.value] for show in Show}


def _of_patient(text: str) -> Q:
    # Whose name holds every word of the text, or whose number it is; an empty text holds back nobody.
    named = Q()
    for word in search_key(text).split():
        named &= Q(patient__name_key__contains=word)
    return named | Q(patient__local_id__iexact=text.strip()) if named else Q()
