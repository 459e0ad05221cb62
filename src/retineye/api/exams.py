"""Exams, their facts, and the worklist."""

from typing import Any, Literal

from django.db.models import Q
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.accounts.tokens import Scope
from retineye.api.answers import WRITING, answers, exam_out, in_shadow, kept_from, whole_exam
from retineye.api.auth import Token, user_of
from retineye.api.paging import Page, Paging, page
from retineye.api.problems import Problem
from retineye.api.schemas import AbsenceIn, Day, ExamOut, EyeCode, FactsIn, Id, NewExam, WholeExam
from retineye.clinic import exams as verbs
from retineye.clinic import facts
from retineye.clinic.access import exams_for, patients_for, records_for
from retineye.clinic.blind import sight_of
from retineye.clinic.models import Absence, Exam, Eye, ReadState, Standing

router = Router(tags=["exams"])

NEWEST = ("-created_at", "id")
PRESSING = ("-urgency", "created_at", "id")


class WantedExams(Paging):
    """Which exams."""

    since: Day | None = None
    """Taken on this day or later."""
    until: Day | None = None
    """Taken on this day or earlier."""
    read_state: Literal["not_yet", "unread", "second", "arbitration", "read", "signed"] | None = None


class WantedList(Paging):
    """Which list of work."""

    show: Literal["attention", "refer", "unsure", "incomplete", "unread", "all"] = "attention"


_LISTS = {
    "attention": ~Q(standing__in=(Standing.ROUTINE, Standing.PENDING, Standing.CANCELLED)) & Q(signed_at=None),
    "refer": Q(standing__in=(Standing.REFER, Standing.EXAMINATION)),
    "unsure": Q(unsure=True),
    "incomplete": Q(standing__in=(Standing.INCOMPLETE, Standing.EMPTY)),
    "unread": Q(read_state__in=(ReadState.UNREAD, ReadState.SECOND, ReadState.ARBITRATION)),
    "all": Q(),
}


def _shown(user: User, exams: list[Exam]) -> list[ExamOut]:
    hidden = kept_from(user, exams)
    return [exam_out(exam, hidden=exam.pk in hidden) for exam in exams]


@router.get("/exams", response=answers({200: Page[ExamOut]}), auth=Token(Scope.EXAMS_READ), operation_id="list_exams")
def list_exams(request: HttpRequest, wanted: Query[WantedExams]) -> Any:
    """List exams, the newest first."""
    user = user_of(request)
    require(user, Right.VIEW_PATIENTS)
    rows = exams_for(user)
    if wanted.since:
        rows = rows.filter(taken_on__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(taken_on__lte=wanted.until)
    if wanted.read_state:
        rows = rows.filter(read_state=wanted.read_state)
    return page(rows, wanted, NEWEST, lambda found: _shown(user, found))


@router.get("/worklist", response=answers({200: Page[ExamOut]}), auth=Token(Scope.EXAMS_READ), operation_id="worklist")
def worklist(request: HttpRequest, wanted: Query[WantedList]) -> Any:
    """List exams that ask something of people: what presses most first, of alike ones who waits longest.

    Where verdicts are kept from the person, who waits longest comes first, and `refer` and `unsure` are empty.
    """
    user = user_of(request)
    require(user, Right.VIEW_PATIENTS)
    rows, show = exams_for(user), _LISTS[wanted.show]
    order: tuple[str, ...] = PRESSING
    if in_shadow(user):
        order = ("created_at", "id")
        if wanted.show in ("refer", "unsure"):
            rows = rows.none()
        elif wanted.show == "attention":
            show = ~Q(standing__in=(Standing.PENDING, Standing.CANCELLED)) & Q(signed_at=None)
    return page(rows.filter(show), wanted, order, lambda found: _shown(user, found))


@router.get(
    "/patients/{uuid:pk}/exams",
    response=answers({200: Page[ExamOut]}),
    auth=Token(Scope.EXAMS_READ),
    operation_id="list_exams_of_patient",
)
def list_exams_of_patient(request: HttpRequest, pk: Id, wanted: Query[Paging]) -> Any:
    """List a patient's exams, the newest first."""
    user = user_of(request)
    patient = get_object_or_404(records_for(user), pk=pk)
    return page(exams_for(user).filter(patient=patient), wanted, NEWEST, lambda found: _shown(user, found))


@router.post(
    "/patients/{uuid:pk}/exams",
    response=answers({201: WholeExam}, WRITING),
    auth=Token(Scope.EXAMS_WRITE),
    operation_id="open_exam",
)
def open_exam(request: HttpRequest, pk: Id, body: NewExam) -> Any:
    """Open an exam of a patient; earlier exams stay as they are."""
    user = user_of(request)
    patient = get_object_or_404(patients_for(user), pk=pk)
    return Status(201, _whole(user, verbs.create_exam(user, patient, taken_on=body.taken_on)))


@router.get(
    "/exams/{uuid:pk}", response=answers({200: WholeExam}), auth=Token(Scope.EXAMS_READ), operation_id="get_exam"
)
def get_exam(request: HttpRequest, pk: Id) -> Any:
    """Read an exam with its facts, photographs and result."""
    user = user_of(request)
    exam = get_object_or_404(exams_for(user), pk=pk)
    audit.record(
        audit.Action.EXAM_VIEWED,
        actor=user,
        organisation=exam.patient.organisation_id,
        object_type="exam",
        object_id=exam.pk,
    )
    return _whole(user, exam)


@router.put(
    "/exams/{uuid:pk}/facts",
    response=answers({200: WholeExam}, (*WRITING, Problem.EXAM_CLOSED)),
    auth=Token(Scope.EXAMS_WRITE),
    operation_id="record_facts",
)
def record_facts(request: HttpRequest, pk: Id, body: FactsIn) -> Any:
    """Write down the facts of an exam, all of them anew."""
    user = user_of(request)
    exam = get_object_or_404(exams_for(user), pk=pk)
    given = body.model_dump(exclude={"treated", "symptoms"})
    treated = {eye: tuple(codes) for eye, codes in body.treated.model_dump().items()}
    facts.record_facts(user, exam, facts.Facts(**given, symptoms=tuple(body.symptoms), treated=treated))
    return _whole(user, exams_for(user).get(pk=pk))


@router.put(
    "/exams/{uuid:pk}/absence/{eye}",
    response=answers({200: WholeExam}, (*WRITING, Problem.EXAM_CLOSED)),
    auth=Token(Scope.EXAMS_WRITE),
    operation_id="set_absence",
)
def set_absence(request: HttpRequest, pk: Id, eye: EyeCode, body: AbsenceIn) -> Any:
    """Say why there is no photograph of an eye, or take the reason back."""
    user = user_of(request)
    exam = get_object_or_404(exams_for(user), pk=pk)
    verbs.set_absence(user, exam, Eye(eye), Absence(body.absence) if body.absence else None)
    return _whole(user, exams_for(user).get(pk=pk))


def _whole(user: User, exam: Exam) -> dict[str, Any]:
    return whole_exam(exam, sight_of(user, exam), hidden=exam.pk in kept_from(user, [exam]))
