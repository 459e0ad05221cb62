"""A fixed cast: two clinics with a technician, a doctor, a manager and an administrator each."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from io import BytesIO

from retineye.accounts.models import Membership, Organisation, Role, User
from retineye.clinic.exams import create_exam
from retineye.clinic.intake import receive
from retineye.clinic.models import Exam, Eye, Field, Patient, Photograph
from retineye.clinic.patients import create_patient
from tests.photos import encode, retina

PASSWORD = "a quiet walk by the lake"


@dataclass(frozen=True)
class Clinic:
    """A clinic and its people."""

    organisation: Organisation
    technician: User
    doctor: User
    manager: User
    administrator: User

    @property
    def people(self) -> dict[str, User]:
        """Give each by the role."""
        return {role.value: getattr(self, role.value) for role in Role}


def open_clinic(name: str) -> Clinic:
    """Make a clinic with one person of each role; e-mail addresses are ROLE@NAME.example."""
    organisation = Organisation.objects.create(name=f"{name.title()} Clinic")
    people = {}
    for role in Role:
        user = User.objects.create_user(
            f"{role.value}@{name}.example", PASSWORD, full_name=f"{role.label} of {name.title()}"
        )
        Membership.objects.create(user=user, organisation=organisation, role=role)
        people[role.value] = user
    return Clinic(organisation, **people)


def add_patient(clinic: Clinic, name: str = "Ana Ruiz", born: date | None = date(1968, 3, 5)) -> Patient:
    """Add a patient as the technician does."""
    return create_patient(clinic.technician, name=name, birth_date=born)


def add_exam(clinic: Clinic, patient: Patient | None = None, taken_on: date | None = None) -> Exam:
    """Open an exam as the technician does."""
    return create_exam(clinic.technician, patient or add_patient(clinic), taken_on=taken_on)


@cache
def picture(seed: int = 1, **changes: float) -> bytes:
    """Draw a photograph of a retina, JPEG; each seed is another eye."""
    return encode(retina(seed=seed, **changes), "JPEG", quality=92)


def send(
    clinic: Clinic, exam: Exam, data: bytes, eye: Eye = Eye.RIGHT, field: Field = Field.UNKNOWN, **options: bool
) -> Photograph:
    """Send a photograph as the technician does, and give its row."""
    return receive(exam, BytesIO(data), eye=eye, by=clinic.technician, via="web", field=field, **options).photograph
