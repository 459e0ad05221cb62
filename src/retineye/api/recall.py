"""Who is due for the next visit, the calls, and what became of referrals."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.accounts.tokens import Scope
from retineye.api.answers import EVERYWHERE, WRITING, answers, in_shadow
from retineye.api.auth import Token, user_of
from retineye.api.schemas import Asked, Day, Id, Text
from retineye.clinic import recall as verbs
from retineye.clinic.access import exams_for
from retineye.clinic.models import Exam, ReferralOutcome, Reminder

router = Router(tags=["recall"])


class WantedDue(Schema):
    """Which patients."""

    show: Literal["overdue", "soon", "later", "ended"] = "overdue"
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class WantedReferrals(Schema):
    """Which referrals."""

    show: Literal["open", "booked", "missed", "seen"] = "open"
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class ReminderOut(Schema):
    """One attempt to call a patient."""

    id: UUID
    how: str
    next_on: date | None
    note: str
    at: datetime


class ReferralOut(Schema):
    """One word on a referral."""

    id: UUID
    state: str
    where: str
    on: date | None
    found: str
    note: str
    at: datetime


class DueOut(Schema):
    """A patient who is due, or was referred."""

    exam: UUID
    patient: UUID
    due_on: date | None
    days: int | None
    provisional: bool
    referred: bool
    reminder: ReminderOut | None
    outcome: ReferralOut | None


class ReminderIn(Asked):
    """One attempt to call a patient."""

    how: Literal["reached", "no_answer", "wrong_number", "relative", "refused", "letter", "message", "booked"]
    next_on: Day | None = None
    note: Annotated[Text, Field(max_length=300)] = ""


class ReferralIn(Asked):
    """What is known of a referred patient."""

    state: Literal["booked", "seen", "missed", "refused"]
    where: Annotated[Text, Field(max_length=200)] = ""
    on: Day | None = None
    found: Literal["", "nothing", "watch", "laser", "injections", "surgery", "other", "not_known"] = ""
    note: Annotated[Text, Field(max_length=500)] = ""
    back_on: Day | None = None


@router.get("/recall", response=answers({200: list[DueOut]}), auth=Token(Scope.RECALL_READ), operation_id="list_due")
def list_due(request: HttpRequest, wanted: Query[WantedDue]) -> Any:
    """List patients who are due, who is due longest first."""
    user = user_of(request)
    require(user, Right.RECALL)
    return _shown(user, verbs.recall_for(user, verbs.Due(wanted.show), limit=wanted.limit))


@router.get(
    "/referrals", response=answers({200: list[DueOut]}), auth=Token(Scope.RECALL_READ), operation_id="list_referrals"
)
def list_referrals(request: HttpRequest, wanted: Query[WantedReferrals]) -> Any:
    """List referred patients, who is to be seen soonest first."""
    user = user_of(request)
    require(user, Right.RECALL)
    return _shown(user, verbs.referrals_for(user, verbs.Referred(wanted.show), limit=wanted.limit))


@router.post(
    "/exams/{uuid:pk}/reminders",
    response=answers({201: ReminderOut}, WRITING),
    auth=Token(Scope.RECALL_WRITE),
    operation_id="remind",
)
def remind(request: HttpRequest, pk: Id, body: ReminderIn) -> Any:
    """Write down one attempt to call the patient of an exam to the next visit."""
    user, exam = _asked(request, pk)
    made = verbs.remind(user, exam, Reminder.How(body.how), next_on=body.next_on, note=body.note)
    return Status(201, _reminder(made))


@router.post(
    "/exams/{uuid:pk}/referral",
    response=answers({201: ReferralOut}, (*WRITING, *EVERYWHERE)),
    auth=Token(Scope.RECALL_WRITE),
    operation_id="follow_referral",
)
def follow_referral(request: HttpRequest, pk: Id, body: ReferralIn) -> Any:
    """Write down what is known of a referred patient: seen or not, where, when, and what was found."""
    user, exam = _asked(request, pk)
    given = body.model_dump(exclude={"state"})
    return Status(201, _referral(verbs.follow(user, exam, ReferralOutcome.State(body.state), **given)))


def _asked(request: HttpRequest, pk: UUID) -> tuple[User, Exam]:
    user = user_of(request)
    exam = get_object_or_404(exams_for(user), pk=pk)
    require(user, Right.RECALL)
    return user, exam


def _shown(user: User, rows: list[verbs.Row]) -> list[dict[str, Any]]:
    audit.record(audit.Action.PATIENTS_SEARCHED, actor=user, organisation=user.membership.organisation_id)
    shadow = in_shadow(user)
    return [
        {
            "exam": row.exam.pk,
            "patient": row.exam.patient_id,
            "due_on": row.due_on,
            "days": row.days,
            "provisional": row.provisional,
            "referred": row.referred,
            "reminder": _reminder(row.reminder),
            "outcome": _referral(row.outcome),
        }
        for row in rows
        # What only the software says is no word of a clinic's that keeps its verdicts to itself.
        if not (shadow and row.provisional)
    ]


def _reminder(one: Reminder | None) -> dict[str, Any] | None:
    return None if one is None else {name: getattr(one, name) for name in ReminderOut.model_fields}


def _referral(one: ReferralOutcome | None) -> dict[str, Any] | None:
    return None if one is None else {name: getattr(one, name) for name in ReferralOut.model_fields}
