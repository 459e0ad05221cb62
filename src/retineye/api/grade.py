"""One photograph in, one verdict out."""

from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import File, Query, Router, Status, UploadedFile
from pydantic import Field

from retineye.accounts.tokens import Scope
from retineye.api.answers import EVERYWHERE, answers, grade_out
from retineye.api.auth import Token, user_of
from retineye.api.photographs import TAKING
from retineye.api.problems import Problem
from retineye.api.schemas import GradeOut, Id, SingleOut
from retineye.clinic import single
from retineye.clinic.models import SingleGrade

router = Router(tags=["grade"])


@router.post(
    "",
    response=answers(
        {200: GradeOut, 202: SingleOut}, (*TAKING, Problem.SHADOW_MODE, Problem.QUEUE_FULL, Problem.NO_PACK)
    ),
    auth=Token(Scope.GRADE),
    operation_id="grade",
)
def grade(
    request: HttpRequest,
    file: File[UploadedFile],
    wait: Annotated[int, Query(), Field(ge=0, le=300)] = 20,
) -> Any:
    """Have a photograph graded without a patient: the verdict at once, or 202 and where it will be.

    Nothing is kept: the bytes go as soon as they are graded, the verdict after a day.
    """
    sent = single.send(user_of(request), file.read(), file.name or "")
    done = single.wait(sent, min(wait, settings.RETINEYE_API_WAIT_S))
    if done.state == SingleGrade.State.DONE:
        return grade_out(done.answer or {})
    return Status(202, _single_out(done))


@router.get(
    "/{uuid:pk}",
    response=answers({200: SingleOut}, EVERYWHERE),
    auth=Token(Scope.GRADE),
    operation_id="get_grade",
)
def get_grade(request: HttpRequest, pk: Id) -> Any:
    """Read whether a photograph that was sent alone is graded, and its verdict; for a day."""
    return _single_out(get_object_or_404(single.singles_for(user_of(request)), pk=pk))


def _single_out(found: SingleGrade) -> dict[str, Any]:
    done = found.state == SingleGrade.State.DONE
    return {
        "id": found.pk,
        "state": "done" if done else "waiting",
        "status_url": reverse("api-v1:get_grade", args=[found.pk]),
        "verdict": grade_out(found.answer or {}) if done else None,
    }
