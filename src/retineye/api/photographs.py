"""Photographs, at once or piece by piece, their pictures and their verdicts."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from ninja import File, Form, Router, Schema, Status, UploadedFile
from pydantic import ConfigDict

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.accounts.tokens import Scope
from retineye.api.answers import EVERYWHERE, WRITING, answers, kept_from, photograph_out, verdict_out
from retineye.api.auth import Token, user_of
from retineye.api.problems import Problem, ProblemError
from retineye.api.schemas import EyeCode, FieldCode, Id, PhotographOut, QuestionCode, VerdictOut
from retineye.clinic import exams as verbs
from retineye.clinic import intake
from retineye.clinic.access import exams_for, photographs_for, verdicts_for
from retineye.clinic.models import Eye, Field, Photograph

router = Router(tags=["photographs"])

TAKING = (*WRITING, Problem.UNREADABLE, Problem.STORAGE_FAILED)


class PhotographForm(Schema):
    """What is said of a photograph that is sent."""

    model_config = ConfigDict(extra="forbid")

    eye: EyeCode
    field: FieldCode = "unknown"
    confirmed: list[QuestionCode] = []
    """What a person has looked at and says is right."""


@router.post(
    "/exams/{uuid:pk}/photographs",
    response=answers({201: PhotographOut, 200: PhotographOut}, TAKING),
    auth=Token(Scope.PHOTOGRAPHS_WRITE),
    operation_id="send_photograph",
)
def send_photograph(request: HttpRequest, pk: Id, body: Form[PhotographForm], file: File[UploadedFile]) -> Any:
    """Send a photograph into an exam: 201 where it is new, 200 where these very bytes are there already."""
    user = user_of(request)
    exam = get_object_or_404(exams_for(user), pk=pk)
    received = intake.receive(
        exam,
        file,
        eye=Eye(body.eye),
        by=user,
        via="api",
        field=Field(body.field),
        confirmed={intake.Question(one) for one in body.confirmed},
    )
    return Status(201 if received.created else 200, photograph_out(received.photograph))


@router.get(
    "/photographs/{uuid:pk}",
    response=answers({200: PhotographOut}, EVERYWHERE),
    auth=Token(Scope.EXAMS_READ),
    operation_id="get_photograph",
)
def get_photograph(request: HttpRequest, pk: Id) -> Any:
    """Read how far a photograph is: waiting, grading, graded, ungradable or failed."""
    return photograph_out(get_object_or_404(photographs_for(user_of(request)), pk=pk))


@router.delete(
    "/photographs/{uuid:pk}",
    response=answers({204: None}, (*WRITING, Problem.EXAM_CLOSED)),
    auth=Token(Scope.PHOTOGRAPHS_WRITE),
    operation_id="withdraw_photograph",
)
def withdraw_photograph(request: HttpRequest, pk: Id) -> Any:
    """Take a photograph out of its exam: it counts no more, and stays in the store."""
    user = user_of(request)
    verbs.withdraw(user, get_object_or_404(photographs_for(user), pk=pk))
    return Status(204, None)


@router.post(
    "/photographs/{uuid:pk}/grade-again",
    response=answers({200: PhotographOut}, (*WRITING, Problem.EXAM_CLOSED)),
    auth=Token(Scope.PHOTOGRAPHS_WRITE),
    operation_id="grade_again",
)
def grade_again(request: HttpRequest, pk: Id) -> Any:
    """Have a photograph whose grading failed graded once more."""
    user = user_of(request)
    if not verbs.grade_again(user, get_object_or_404(photographs_for(user), pk=pk)):
        raise ProblemError(Problem.NOT_NOW, "Only a photograph whose grading failed is graded again.")
    return photograph_out(photographs_for(user).get(pk=pk))


@router.get(
    "/photographs/{uuid:pk}/verdicts",
    response=answers({200: list[VerdictOut]}, (*EVERYWHERE, Problem.SHADOW_MODE)),
    auth=Token(Scope.EXAMS_READ),
    operation_id="list_verdicts",
)
def list_verdicts(request: HttpRequest, pk: Id) -> Any:
    """Read a photograph's verdicts, the latest first, in the fields that `retineye grade` prints."""
    user = user_of(request)
    photograph = get_object_or_404(photographs_for(user), pk=pk)
    _refuse_hidden(user, photograph)
    return [verdict_out(one) for one in verdicts_for(user).filter(photograph=photograph).order_by("-attempt")]


def _picture(name: str, mime: str) -> dict[str, Any]:
    content = {mime: {"schema": {"type": "string", "format": "binary"}}}
    return {"responses": {200: {"description": name, "content": content}}}


@router.get(
    "/photographs/{uuid:pk}/display.jpg",
    response=answers({}, EVERYWHERE),
    auth=Token(Scope.PHOTOGRAPHS_READ),
    operation_id="get_display",
    openapi_extra=_picture("The upright copy, sRGB and without metadata.", "image/jpeg"),
)
def get_display(request: HttpRequest, pk: Id) -> HttpResponseBase:
    """Fetch the display copy of a photograph."""
    user = user_of(request)
    photograph = get_object_or_404(photographs_for(user), pk=pk)
    content = _bytes_of(photograph.display)
    _remember(audit.Action.PHOTOGRAPH_VIEWED, user, photograph)
    return HttpResponse(content, content_type="image/jpeg")


@router.get(
    "/photographs/{uuid:pk}/heatmap.png",
    response=answers({}, (*EVERYWHERE, Problem.SHADOW_MODE)),
    auth=Token(Scope.PHOTOGRAPHS_READ),
    operation_id="get_heatmap",
    openapi_extra=_picture("Where the network looked; fits the display copy.", "image/png"),
)
def get_heatmap(request: HttpRequest, pk: Id) -> HttpResponseBase:
    """Fetch the heatmap of a photograph's latest verdict: attention, not an outline of lesions."""
    user = user_of(request)
    photograph = get_object_or_404(photographs_for(user), pk=pk)
    _refuse_hidden(user, photograph)
    verdict = verdicts_for(user).filter(photograph=photograph).order_by("-attempt").first()
    if verdict is None:
        raise ProblemError(Problem.NOT_FOUND)
    return HttpResponse(_bytes_of(verdict.heatmap), content_type="image/png")


@router.get(
    "/photographs/{uuid:pk}/original",
    response=answers({}, EVERYWHERE),
    auth=Token(Scope.PHOTOGRAPHS_READ),
    operation_id="get_original",
    openapi_extra=_picture("The bytes that came from the camera.", "application/octet-stream"),
)
def get_original(request: HttpRequest, pk: Id) -> HttpResponseBase:
    """Fetch the very bytes that came from the camera; it takes the right to open originals."""
    user = user_of(request)
    photograph = get_object_or_404(photographs_for(user), pk=pk)
    require(user, Right.OPEN_ORIGINAL)
    content = _bytes_of(photograph.original)
    _remember(audit.Action.ORIGINAL_OPENED, user, photograph)
    return HttpResponse(content, content_type="application/octet-stream")


def _refuse_hidden(user: User, photograph: Photograph) -> None:
    if kept_from(user, [photograph.exam]):
        raise ProblemError(Problem.SHADOW_MODE, "The verdict is kept from you until the exam is read.")


def _bytes_of(file: Any) -> bytes:
    if not file or not file.storage.exists(file.name):
        raise ProblemError(Problem.NOT_FOUND)
    with file.open("rb") as opened:
        content: bytes = opened.read()
    return content


def _remember(action: audit.Action, user: User, photograph: Photograph) -> None:
    audit.record(
        action,
        actor=user,
        organisation=photograph.exam.patient.organisation_id,
        object_type="photograph",
        object_id=photograph.pk,
    )
