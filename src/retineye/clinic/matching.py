"""Whose photograph is it? Found by number or order, and only where name or birth date agree; never guessed."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from uuid import UUID

from django.db.models import Q

from retineye.accounts.models import User
from retineye.clinic.access import exams_for, records_for
from retineye.clinic.models import Arrival, Exam, Patient, PatientIdentifier, search_key
from retineye.clinic.patients import survivor

OWN_ISSUER = "RETINEYE"
"""Who gave the number, where a worklist of ours handed out a patient's id."""

_ALIKE = 0.85
_ORDER_LENGTH = 16


class Unmatched(Exception):
    """A person has to say where it belongs; carries the reason."""

    def __init__(self, reason: Arrival.Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Named:
    """What a file says of its patient. Empty or None: nothing."""

    number: str
    issuer: str
    name: str
    birth_date: date | None
    accession: str


def number_of(patient: Patient) -> str:
    """Give the number by which a camera knows the patient: the clinic's own, else one made from the record's id."""
    return patient.local_id or patient.pk.hex


def order_of(exam: Exam) -> str:
    """Give the order's number: the hospital's, else one made from the exam's id. DICOM allows 16 characters."""
    return exam.accession[:_ORDER_LENGTH] or exam.pk.hex[:_ORDER_LENGTH].upper()


def whose(by: User, said: Named, *, expected_on: date | None = None) -> tuple[Patient, Exam | None]:
    """Give the patient whom the file names, and the exam where it names the order too.

    1. An order of ours, whose patient's number the file repeats.
    2. Else the number. One patient alone has it; a number of another hospital counts only as that hospital's.
    3. Name and birth date must agree, as far as both sides have them; at least one of them, unless 1 holds.

    Parameters
    ----------
    expected_on
        Where a file's name says nothing but the number: its day. A visit of that day speaks for the patient too.

    Raises
    ------
    Unmatched
        Where this does not lead to one patient.
    """
    exam = _ordered(by, said.accession)
    if exam is not None and said.number in ("", *_numbers(exam.patient)):
        if _contradicts(said, exam.patient) or not (said.number or _agrees(said, exam.patient)):
            raise Unmatched(Arrival.Reason.OTHER_NAME)
        return exam.patient, exam
    if not said.number:
        raise Unmatched(Arrival.Reason.NO_NUMBER)
    found = numbered(by, said.number, said.issuer)
    if len(found) != 1:
        raise Unmatched(Arrival.Reason.SEVERAL_PATIENTS if found else Arrival.Reason.NO_PATIENT)
    if _contradicts(said, found[0]):
        raise Unmatched(Arrival.Reason.OTHER_NAME)
    if not _agrees(said, found[0]) and not _expected(by, found[0], expected_on):
        raise Unmatched(Arrival.Reason.QUESTION)
    return found[0], None


def numbered(by: User, number: str, issuer: str = "") -> list[Patient]:
    """Give the clinic's patients with this number, given out by this issuer where one is named."""
    organisation = by.membership.organisation
    own = Q(local_id__iexact=number)
    with suppress(ValueError):
        own |= Q(pk=UUID(number))
    others = PatientIdentifier.objects.filter(value__iexact=number)
    if issuer and issuer.casefold() not in (OWN_ISSUER.casefold(), organisation.name.casefold()):
        wanted = Q(pk__in=others.filter(system__iexact=issuer).values("patient"))
    else:
        wanted = own | Q(pk__in=others.values("patient"))
    records = records_for(by).filter(wanted)
    return list({found.pk: found for found in map(survivor, records)}.values())


def _ordered(by: User, accession: str) -> Exam | None:
    if not accession:
        return None
    wanted = Q(accession__iexact=accession)
    if len(accession) == _ORDER_LENGTH:
        with suppress(ValueError):
            wanted |= Q(pk__gte=UUID(accession + "0" * 16), pk__lte=UUID(accession + "f" * 16), accession="")
    exams = list(exams_for(by).filter(wanted, cancelled_at=None)[:2])
    return exams[0] if len(exams) == 1 else None


def carries(patient: Patient, number: str) -> bool:
    """Say whether the number is one of the patient's."""
    return number.casefold() in {one.casefold() for one in _numbers(patient)}


def _numbers(patient: Patient) -> set[str]:
    others = patient.identifiers.values_list("value", flat=True)
    return {number for number in (patient.local_id, patient.pk.hex, str(patient.pk), *others) if number}


def _same_name(said: str, patient: Patient) -> bool:
    one, other = (" ".join(sorted(search_key(name).split())) for name in (said, patient.name))
    return SequenceMatcher(None, one, other).ratio() >= _ALIKE


def _contradicts(said: Named, patient: Patient) -> bool:
    if said.name and not _same_name(said.name, patient):
        return True
    if said.birth_date and patient.birth_date:
        return said.birth_date != patient.birth_date
    return bool(said.birth_date and patient.birth_year and said.birth_date.year != patient.birth_year)


def _expected(by: User, patient: Patient, day: date | None) -> bool:
    return day is not None and exams_for(by).filter(patient=patient, taken_on=day, cancelled_at=None).exists()


def _agrees(said: Named, patient: Patient) -> bool:
    return bool(said.name or (said.birth_date and said.birth_date == patient.birth_date))
