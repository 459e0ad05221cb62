"""What doctors read. A signature is a person's own act, and is given on the page alone."""

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Status

from retineye.accounts.models import User
from retineye.accounts.tokens import Scope
from retineye.api.answers import EVERYWHERE, WRITING, answers, review_out, signature_out
from retineye.api.auth import Token, user_of
from retineye.api.problems import Problem
from retineye.api.schemas import EyeReadIn, Id, ReadIn, ReviewOut, ReviewsOut
from retineye.clinic import reviews as verbs
from retineye.clinic.access import exams_for
from retineye.clinic.blind import sight_of
from retineye.grading.result import Grade

router = Router(tags=["reviews"])


@router.get(
    "/exams/{uuid:pk}/reviews",
    response=answers({200: ReviewsOut}, EVERYWHERE),
    auth=Token(Scope.REVIEWS_READ),
    operation_id="list_reviews",
)
def list_reviews(request: HttpRequest, pk: Id) -> Any:
    """List the reads of an exam that the person may see, and the signature that stands."""
    user = user_of(request)
    exam = get_object_or_404(exams_for(user), pk=pk)
    reads = sight_of(user, exam).reads
    names = _names([read.reader_id for read in reads])
    return {"items": [review_out(one, names) for one in reads], "signature": signature_out(verbs.signed_of(exam))}


@router.post(
    "/exams/{uuid:pk}/reviews",
    response=answers({201: ReviewOut}, (*WRITING, Problem.EXAM_CLOSED)),
    auth=Token(Scope.REVIEWS_WRITE),
    operation_id="hand_in_read",
)
def hand_in_read(request: HttpRequest, pk: Id, body: ReadIn) -> Any:
    """Hand in what the token's person reads: the first read, the second, or the arbitration, whichever is due."""
    user = user_of(request)
    exam = get_object_or_404(exams_for(user), pk=pk)
    said = verbs.Read(
        right=_eye(body.right),
        left=_eye(body.left),
        comment=body.comment,
        other_finding=body.other_finding,
        override_reason=body.override_reason,
    )
    review = verbs.read(user, exam, said)
    return Status(201, review_out(review, _names([review.reader_id])))


def _eye(said: EyeReadIn | None) -> verbs.EyeRead | None:
    if said is None:
        return None
    grade = None if said.grade is None else Grade(said.grade)
    return verbs.EyeRead(said.quality, grade, said.dme, tuple(said.features))


def _names(keys: list[Any]) -> dict[Any, str]:
    return dict(User.objects.filter(pk__in=keys).values_list("pk", "full_name"))
