"""What the tests of sending share: an exam, a destination, and a doctor who signs."""

from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import Destination, Exam, Eye, Signature
from retineye.clinic.outcome import outcome_of
from retineye.clinic.reviews import read, sign
from retineye.grading.result import Grade
from tests.cast import Clinic, add_exam, picture, send
from tests.clinic.test_reviews import both


def graded_exam(hill: Clinic) -> Exam:
    """Have both eyes photographed and graded."""
    made = add_exam(hill)
    for seed, eye in enumerate((Eye.RIGHT, Eye.LEFT), 1):
        grade_photograph(send(hill, made, picture(seed), eye).pk)
    return made


def destination(hill: Clinic, kind: str, address: str, **more: str) -> Destination:
    """Name a system that takes results."""
    return Destination.objects.create(organisation=hill.organisation, name="There", kind=kind, address=address, **more)


def signed(hill: Clinic, exam: Exam) -> None:
    """Have the doctor read and sign."""
    said = both(Grade.MODERATE, Grade.MILD, reason="Seen so.")
    assert outcome_of(exam)
    read(hill.doctor, exam, said)
    sign(hill.doctor, exam, Signature.How.PASSWORD)
