"""Photographs that come piece by piece, over a line that breaks."""

from typing import Annotated, Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Header, Router, Status

from retineye.accounts.policy import Right, require
from retineye.accounts.tokens import Scope
from retineye.api.answers import EVERYWHERE, answers, photograph_out
from retineye.api.auth import Token, user_of
from retineye.api.photographs import TAKING
from retineye.api.problems import Problem, ProblemError
from retineye.api.schemas import FinishedOut, FinishIn, Id, NewUpload, UploadOut
from retineye.clinic import intake, pieces, uploads
from retineye.clinic.access import exams_for
from retineye.clinic.models import Exam, Eye, Field, Upload

router = Router(tags=["uploads"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def upload_out(upload: Upload) -> dict[str, Any]:
    """Show how far an upload has come."""
    return {
        "id": upload.pk,
        "exam": upload.exam_id,
        "bytes": upload.bytes,
        "offset": upload.received,
        "photograph": upload.photograph_id,
    }


@router.post(
    "/exams/{uuid:pk}/uploads",
    response=answers({201: UploadOut}, (*TAKING, Problem.UPLOAD_TAKEN)),
    auth=Token(Scope.PHOTOGRAPHS_WRITE),
    operation_id="begin_upload",
)
def begin_upload(request: HttpRequest, pk: Id, body: NewUpload) -> Any:
    """Say that a file is about to come; asked twice with one id, it says how far that one has come."""
    user = user_of(request)
    exam = get_object_or_404(exams_for(user), pk=pk)
    try:
        begun = uploads.begin(
            user,
            exam,
            body.id,
            size=body.bytes,
            eye=Eye(body.eye) if body.eye else None,
            field=Field(body.field),
            sha256=body.sha256,
        )
    except Exam.DoesNotExist as exc:
        raise ProblemError(Problem.UPLOAD_TAKEN) from exc
    return Status(201, upload_out(begun))


@router.get(
    "/uploads/{uuid:pk}",
    response=answers({200: UploadOut}, EVERYWHERE),
    auth=Token(Scope.PHOTOGRAPHS_WRITE),
    operation_id="get_upload",
)
def get_upload(request: HttpRequest, pk: Id) -> Any:
    """Read how far an upload has come: the next piece begins at `offset`."""
    return upload_out(get_object_or_404(uploads.uploads_for(user_of(request)), pk=pk))


@router.patch(
    "/uploads/{uuid:pk}",
    response=answers({200: UploadOut}, (*TAKING, Problem.WRONG_OFFSET)),
    auth=Token(Scope.PHOTOGRAPHS_WRITE),
    operation_id="send_piece",
    openapi_extra=_BODY,
)
def send_piece(
    request: HttpRequest,
    pk: Id,
    upload_offset: Annotated[int, Header(alias="Upload-Offset", ge=0, le=2**40)],
) -> Any:
    """Send the next piece, which begins at `Upload-Offset`."""
    user = user_of(request)
    require(user, Right.SEND_PHOTOGRAPH)
    found = get_object_or_404(uploads.uploads_for(user), pk=pk)
    uploads.append(user, found, upload_offset, request.body)
    return upload_out(found)


@router.delete(
    "/uploads/{uuid:pk}",
    response=answers({204: None}, EVERYWHERE),
    auth=Token(Scope.PHOTOGRAPHS_WRITE),
    operation_id="forget_upload",
)
def forget_upload(request: HttpRequest, pk: Id) -> Any:
    """Forget an upload and its bytes; a photograph that was made of it stays."""
    user = user_of(request)
    require(user, Right.SEND_PHOTOGRAPH)
    uploads.leave_out(get_object_or_404(uploads.uploads_for(user), pk=pk))
    return Status(204, None)


@router.post(
    "/uploads/{uuid:pk}/finish",
    response=answers({200: FinishedOut}, (*TAKING, Problem.UPLOAD_INCOMPLETE)),
    auth=Token(Scope.PHOTOGRAPHS_WRITE),
    operation_id="finish_upload",
)
def finish_upload(request: HttpRequest, pk: Id, body: FinishIn) -> Any:
    """Make a photograph of what has come; of an archive, or without an eye, it names the pieces that lack one."""
    user = user_of(request)
    require(user, Right.SEND_PHOTOGRAPH)
    found = get_object_or_404(uploads.uploads_for(user), pk=pk)
    done = pieces.finish(
        user,
        found,
        eye=Eye(body.eye or found.eye) if body.eye or found.eye else None,
        field=Field(body.field),
        confirmed={intake.Question(one) for one in body.confirmed},
    )
    return {
        "photograph": photograph_out(done.received.photograph) if done.received else None,
        "created": bool(done.received and done.received.created),
        "pieces": [
            {"upload": one.upload.pk, "eye_guess": one.guess.eye.value if one.guess.eye else None}
            for one in done.pieces
        ],
    }
