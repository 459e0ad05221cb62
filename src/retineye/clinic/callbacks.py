"""Call a patient back whose result became worse than what they were told.

What a patient was told is the last page that was printed for them. A result that is worse than that opens a task; it
stays open until a person writes down how it ended, or the result is no longer worse.
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
from retineye.clinic.models import CallBack, CallBackTry, Exam, Report, StoredResult
from retineye.clinic.referral import Conclusion

_OPEN_ENDS = (Conclusion.EMPTY.value, Conclusion.PENDING.value)


def call_backs_for(user: Person) -> QuerySet[CallBack]:
    """Give the tasks of the person's clinic, with exam, patient and both results."""
    membership = membership_of(user)
    rows = CallBack.objects.select_related("exam__patient", "told", "now", "closed_by")
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
    task = CallBack.objects.filter(exam=exam, closed_at=None).first()
    if heard is None or not is_worse(now, heard):
        if task is not None:
            _close(task, None, CallBack.Outcome.NOT_NEEDED)
        return None
    if task is not None:
        task.now, task.urgency = now, now.urgency
        task.save(update_fields=["now", "urgency"])
        return task
    task = CallBack.objects.create(exam=exam, told=heard, now=now, urgency=now.urgency)
    _remember(audit.Action.CALL_BACK_OPENED, None, task)
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
