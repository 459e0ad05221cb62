"""Say whether an exam still takes changes: a cancelled one takes none, and a signed one only corrections."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from retineye.clinic.models import Exam, Signature


class Closed(ValidationError):
    """The exam takes no more changes; the message says what a person can do."""

    def __init__(self, exam: Exam, sentence: str) -> None:
        super().__init__(sentence, code="closed")
        self.exam_id = exam.pk


def refuse_if_closed(exam: Exam) -> None:
    """Stop a change of an exam that was cancelled.

    Raises
    ------
    Closed
        If it was.
    """
    if exam.cancelled_at:
        raise Closed(exam, _("This exam was cancelled. Open a new one."))


def refuse_if_signed(exam: Exam) -> None:
    """Stop a change that would alter what a signature stands under.

    Raises
    ------
    Closed
        If the exam is signed.
    """
    if is_signed(exam):
        raise Closed(exam, _("This exam is signed and locked. Ask the doctor who signed it."))


def refuse_without_consent(exam: Exam) -> None:
    """Stop a photograph that the patient said no to. Where nobody asked, the clinic answers for it.

    Raises
    ------
    Closed
        If the patient does not agree.
    """
    if exam.consent is False:
        raise Closed(exam, _("The patient does not agree to photographs. Change the answer first, if it has changed."))


def is_signed(exam: Exam) -> bool:
    """Say whether a signature stands under the exam."""
    return Signature.objects.filter(exam=exam, withdrawn_at=None).exists()
