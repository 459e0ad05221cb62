"""Open exams, and put right what a person knows better about their photographs."""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import queue, standing
from retineye.clinic.access import exams_for, patients_for, photographs_for
from retineye.clinic.closed import Closed, refuse_if_closed, refuse_if_signed
from retineye.clinic.facts import carried_over
from retineye.clinic.models import Absence, Exam, Eye, Field, Patient, Photograph, State
from retineye.clinic.settings import settings_of, today_at


def create_exam(user: User, patient: Patient, *, taken_on: date | None = None) -> Exam:
    """Open an exam of a patient of the person's clinic; earlier exams stay as they are.

    What the last exam knew and stays true, such as treatment of an eye, is there from the start.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not add exams.
    Patient.DoesNotExist
        If it is another clinic's patient.
    django.core.exceptions.ValidationError
        If the day lies ahead, or before the patient's birth.
    """
    require(user, Right.ADD_PATIENT)
    patient = patients_for(user).select_related("organisation").get(pk=patient.pk)
    today = today_at(patient.organisation)
    taken_on = taken_on or today
    if taken_on > today or (patient.birth_date and taken_on < patient.birth_date):
        raise ValidationError({"taken_on": _("The photographs can not be from that day. Check the date.")})
    exam = Exam(
        patient=patient,
        taken_on=taken_on,
        site=user.membership.site,
        guideline=patient.organisation.guideline,
        low_acuity_logmar=settings_of(patient.organisation).low_acuity_logmar,
        created_by=user,
    )
    for name, value in carried_over(exam).items():
        setattr(exam, name, value)
    with transaction.atomic():
        exam.save(force_insert=True)
        _remember(audit.Action.EXAM_ADDED, user, exam)
    return exam


def set_absence(user: User, exam: Exam, eye: Eye, absence: Absence | None) -> None:
    """Record why there is no photograph of an eye, or take the reason back."""
    require(user, Right.SEND_PHOTOGRAPH)
    with transaction.atomic():
        mine = standing.lock(exams_for(user).get(pk=exam.pk).pk)
        refuse_if_closed(mine)
        refuse_if_signed(mine)
        value = absence.value if absence else ""
        setattr(mine, f"{eye.value}_absence", value)
        mine.save(update_fields=[f"{eye.value}_absence"])
        standing.refresh(mine)
        _remember(audit.Action.EXAM_CHANGED, user, mine, eye=eye.value, absence=value)


def set_dilated(user: User, exam: Exam, eye: Eye, dilated: bool) -> None:
    """Record whether the pupil of an eye is dilated for the photographs."""
    require(user, Right.SEND_PHOTOGRAPH)
    with transaction.atomic():
        mine = standing.lock(exams_for(user).get(pk=exam.pk).pk)
        refuse_if_closed(mine)
        refuse_if_signed(mine)
        setattr(mine, f"{eye.value}_dilated", dilated)
        mine.save(update_fields=[f"{eye.value}_dilated"])
        _remember(audit.Action.EXAM_CHANGED, user, mine, eye=eye.value, dilated=str(dilated).lower())


def set_field(user: User, photograph: Photograph, field: Field) -> None:
    """Record what the camera was centred on."""
    with transaction.atomic():
        exam, mine = _mine(user, photograph)
        mine.field = field
        mine.save(update_fields=["field"])
        standing.refresh(exam)
        _remember(audit.Action.PHOTOGRAPH_CHANGED, user, mine, field=field.value)


def move_to_other_eye(user: User, photograph: Photograph) -> None:
    """Put a photograph that was dropped into the wrong lane into the other one.

    Raises
    ------
    Closed
        If the exam was handed over: from then on it takes a reason, see `corrections`.
    """
    with transaction.atomic():
        exam, mine = _mine(user, photograph)
        if exam.submitted_at:
            raise Closed(exam, _("This exam was handed over. Say why the photograph belongs to the other eye."))
        mine.eye = Eye.LEFT if mine.eye == Eye.RIGHT else Eye.RIGHT
        mine.save(update_fields=["eye"])
        standing.refresh(exam)
        _remember(audit.Action.PHOTOGRAPH_CHANGED, user, mine, eye=mine.eye)


def withdraw(user: User, photograph: Photograph) -> None:
    """Take a photograph out of its exam: it counts no more and is shown no more, and stays in the store."""
    with transaction.atomic():
        exam, mine = _mine(user, photograph)
        mine.withdrawn_at = timezone.now()
        mine.save(update_fields=["withdrawn_at"])
        standing.refresh(exam)
        _remember(audit.Action.PHOTOGRAPH_WITHDRAWN, user, mine)


def grade_again(user: User, photograph: Photograph) -> bool:
    """Send a photograph whose grading failed down the road once more; False where it had not failed."""
    require(user, Right.REGRADE)
    with transaction.atomic():
        exam, mine = _mine(user, photograph)
        again = Photograph.objects.filter(pk=mine.pk, state=State.FAILED).update(
            state=State.WAITING, lapses=0, failure="", nudged_at=timezone.now()
        )
        if again:
            standing.refresh(exam)
            queue.enqueue(mine.pk)
            _remember(audit.Action.REGRADE_ASKED, user, mine)
    return bool(again)


def history_of(patient: Patient) -> list[Exam]:
    """Give the patient's exams, the newest first."""
    return list(patient.exams.order_by("-taken_on", "-created_at"))


def _mine(user: User, photograph: Photograph) -> tuple[Exam, Photograph]:
    # The exam is locked before its photographs, here and wherever both are written, so that no two wait in a ring.
    require(user, Right.SEND_PHOTOGRAPH)
    found = photographs_for(user).get(pk=photograph.pk)
    exam = standing.lock(found.exam_id)
    refuse_if_closed(exam)
    refuse_if_signed(exam)
    return exam, Photograph.objects.select_for_update().get(pk=found.pk)


def _remember(action: audit.Action, user: User, thing: Exam | Photograph, **detail: str) -> None:
    audit.record(
        action,
        actor=user,
        organisation=user.membership.organisation_id,
        object_type="exam" if isinstance(thing, Exam) else "photograph",
        object_id=thing.pk,
        detail=detail,
    )
