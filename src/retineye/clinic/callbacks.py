"""Call a patient back to whom something was told that is not so.

What a patient was told is the last page that was printed for them. A result that is worse than that opens a task; it
stays open until a person writes down how it ended, or the result is no longer worse. So does a page that turned out to
be of an exam that never was, of another patient, or of photographs that were moved: that task only a person closes.
"""

from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Person, Right, allowed, membership_of, require
from retineye.clinic.models import CallBack, CallBackTry, Exam, Patient, Report, StoredResult
from retineye.clinic.referral import Conclusion
from retineye.clinic.results import latest_result

_OPEN_ENDS = (Conclusion.EMPTY.value, Conclusion.PENDING.value)


def call_backs_for(user: Person) -> QuerySet[CallBack]:
    """Give the tasks of the person's clinic, with exam, patient and both results."""
    membership = membership_of(user)
    rows = CallBack.objects.select_related("exam__patient", "patient", "told", "now", "closed_by")
    if membership is None or not allowed(user, Right.CALL_BACK):
        return rows.none()
    return rows.filter(exam__patient__organisation=membership.organisation_id)


def told(exam: Exam) -> StoredResult | None:
    """Give the result on the last page that was printed for the patient; None where nothing was."""
    # What another person was told, before the exam turned out to be this patient's, this patient never heard.
    printed = Report.objects.filter(exam=exam, kind=Report.Kind.PATIENT).exclude(void_reason="patient_changed")
    last = printed.select_related("result")
    report = last.order_by("-made_at", "-number").first()
    return report.result if report else None


def is_worse(now: StoredResult, than: StoredResult) -> bool:
    """Say whether a patient who heard the one must hear the other."""
    if now.conclusion in _OPEN_ENDS:
        return False
    if now.urgency > than.urgency:
        return True
    if than.conclusion == Conclusion.ROUTINE and now.conclusion != Conclusion.ROUTINE:
        return True
    # A provisional page names no day, so only a day that was told can have become too late.
    named = than.due_by if than.basis == StoredResult.Basis.SIGNED else None
    return bool(named and now.due_by and now.due_by < named)


def look(exam: Exam, now: StoredResult) -> CallBack | None:
    """Open, bring up to date or close the exam's task, in the caller's transaction; give the one that is open."""
    heard = told(exam)
    task = _open_task(exam)
    if heard is None or not is_worse(now, heard):
        if task is None or task.why == CallBack.Why.VOID:
            return task
        _close(task, None, CallBack.Outcome.NOT_NEEDED)
        return None
    if task is not None:
        task.now, task.urgency, task.why = now, now.urgency, CallBack.Why.WORSE
        task.save(update_fields=["now", "urgency", "why"])
        return task
    return _opened(CallBack(exam=exam, told=heard, now=now, urgency=now.urgency))


def page_is_void(exam: Exam, *, whom: Patient | None = None) -> CallBack | None:
    """Open a task where the patient has a page that is void and says something else than what holds now.

    Call it in the caller's transaction: before an exam goes to another patient, and after photographs went or the exam
    was cancelled.

    Parameters
    ----------
    whom
        The patient who was told, where the exam goes to another one.
    """
    heard = told(exam)
    if heard is None:
        return None
    task = _open_task(exam)
    gone = whom is not None or exam.cancelled_at is not None
    now = heard if gone else latest_result(exam) or heard
    if not gone and (task is not None or _says_the_same(now, heard)):
        return task
    if task is not None:
        task.why, task.patient = CallBack.Why.VOID, whom
        task.save(update_fields=["why", "patient"])
        return task
    void = CallBack(exam=exam, patient=whom, told=heard, now=now, why=CallBack.Why.VOID, urgency=heard.urgency)
    return _opened(void)


def _says_the_same(now: StoredResult, heard: StoredResult) -> bool:
    names = ("conclusion", "finding", "grade", "worse_eye", "due_by")
    return all(getattr(now, name) == getattr(heard, name) for name in names)


def _open_task(exam: Exam) -> CallBack | None:
    return CallBack.objects.filter(exam=exam, patient=None, closed_at=None).first()


def _opened(task: CallBack) -> CallBack:
    task.save(force_insert=True)
    _remember(audit.Action.CALL_BACK_OPENED, None, task, why=task.why)
    return task


def note_try(user: User, task: CallBack, how: CallBackTry.How) -> None:
    """Write down one attempt to reach the patient."""
    mine = _mine(user, task)
    with transaction.atomic():
        CallBackTry.objects.create(call_back=mine, how=how, by=user)
        _remember(audit.Action.CALL_BACK_TRIED, user, mine, how=how.value)


def close(user: User, task: CallBack, outcome: CallBack.Outcome) -> None:
    """Write down how the task ended."""
    _close(_mine(user, task), user, outcome)


def _mine(user: User, task: CallBack) -> CallBack:
    require(user, Right.CALL_BACK)
    mine = call_backs_for(user).get(pk=task.pk)
    if mine.closed_at is not None:
        raise ValidationError(_("Somebody has closed this task already."))
    return mine


def _close(task: CallBack, by: User | None, outcome: CallBack.Outcome) -> None:
    with transaction.atomic():
        task.closed_at, task.closed_by, task.outcome = timezone.now(), by, outcome
        task.save(update_fields=["closed_at", "closed_by", "outcome"])
        _remember(audit.Action.CALL_BACK_CLOSED, by, task, outcome=outcome.value)


@dataclass(frozen=True, slots=True)
class Task:
    """One task with its attempts, as a list shows it."""

    row: CallBack
    tries: tuple[CallBackTry, ...]


def tasks_for(user: Person, *, closed: bool = False, limit: int = 100) -> list[Task]:
    """Give the open tasks, the most urgent and then the oldest first; or those that ended, the latest first."""
    rows = call_backs_for(user).filter(closed_at__isnull=not closed)
    order = ("-closed_at",) if closed else ("-urgency", "opened_at")
    listed = list(rows.order_by(*order, "id")[:limit])
    tries: dict[UUID, list[CallBackTry]] = {}
    for one in CallBackTry.objects.filter(call_back__in=listed).select_related("by").order_by("at"):
        tries.setdefault(one.call_back_id, []).append(one)
    return [Task(row, tuple(tries.get(row.pk, ()))) for row in listed]


def _remember(action: audit.Action, user: User | None, task: CallBack, **detail: str) -> None:
    audit.record(
        action,
        actor=user,
        organisation=task.exam.patient.organisation_id,
        object_type="call_back",
        object_id=task.pk,
        detail={"exam": str(task.exam_id), **detail},
    )
