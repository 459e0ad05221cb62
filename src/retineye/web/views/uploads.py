"""Photographs that come piece by piece: begun, continued where the line broke, finished when a person has answered."""

from typing import cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import intake, pieces, uploads
from retineye.clinic.access import exams_for
from retineye.clinic.capture import preview
from retineye.clinic.models import Eye, Field, Upload
from retineye.web.uploading import BeginForm, FinishForm, parted, refusal, stopped, taken

OFFSET = "Upload-Offset"
LENGTH = "Upload-Length"


@require_POST
def upload_new(request: HttpRequest, pk: UUID) -> JsonResponse:
    """Begin an upload into an exam, or say how far it has come."""
    user = cast(User, request.user)
    require(user, Right.SEND_PHOTOGRAPH)
    exam = get_object_or_404(exams_for(user), pk=pk)
    form = BeginForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"code": "bad_form", "again": False}, status=400)
    asked = form.cleaned_data
    try:
        begun = uploads.begin(
            user,
            exam,
            asked["id"],
            size=asked["bytes"],
            eye=Eye(asked["eye"]) if asked["eye"] else None,
            field=Field(asked["field"] or Field.UNKNOWN),
            hint=Eye(asked["hint"]) if asked["hint"] else None,
            sha256=asked["sha256"],
        )
    except exam.DoesNotExist:
        # The id is somebody else's: nothing is said of it.
        return JsonResponse({"code": "no_upload", "again": False}, status=404)
    except uploads.UploadError as exc:
        return stopped(exc)
    return JsonResponse({"offset": begun.received, "bytes": begun.bytes}, status=201)


@never_cache
@require_http_methods(["GET", "HEAD", "PATCH", "DELETE"])
def upload(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say how far an upload has come, take its next piece, or forget it."""
    user = cast(User, request.user)
    require(user, Right.SEND_PHOTOGRAPH)
    found = get_object_or_404(uploads.uploads_for(user), pk=pk)
    if request.method == "DELETE":
        uploads.leave_out(found)
        return HttpResponse(status=204)
    if request.method == "PATCH":
        offset = request.headers.get(OFFSET, "")
        if not offset.isdecimal():
            return JsonResponse({"code": "bad_form", "again": False}, status=400)
        try:
            uploads.append(user, found, int(offset), request.body)
        except uploads.UploadError as exc:
            return stopped(exc)
    return _state(found, 204 if request.method == "PATCH" else 200)


@require_POST
def upload_finish(request: HttpRequest, pk: UUID) -> JsonResponse:
    """Take what has arrived into the exam, or ask what only a person can say."""
    user = cast(User, request.user)
    require(user, Right.SEND_PHOTOGRAPH)
    found = get_object_or_404(uploads.uploads_for(user), pk=pk)
    form = FinishForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"code": "bad_form", "again": False}, status=400)
    asked = form.cleaned_data
    try:
        finished = pieces.finish(
            user,
            found,
            eye=Eye(asked["eye"]) if asked["eye"] else None,
            field=Field(asked["field"] or Field.UNKNOWN),
            confirmed={intake.Question(one) for one in asked["confirmed"]},
        )
    except intake.IntakeError as exc:
        return refusal(exc)
    except uploads.UploadError as exc:
        return stopped(exc)
    return taken(request, finished.received) if finished.received else parted(finished)


@never_cache
@require_safe
def upload_preview(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a photograph that waits for its eye, small and without metadata, to its sender alone."""
    user = cast(User, request.user)
    require(user, Right.SEND_PHOTOGRAPH)
    found = get_object_or_404(uploads.uploads_for(user), pk=pk)
    place = uploads.place_of(found)
    picture = preview(place.read_bytes()) if place.exists() else None
    return HttpResponse(picture, content_type="image/jpeg") if picture else HttpResponse(status=404)


def _state(found: Upload, status: int) -> HttpResponse:
    response = HttpResponse(status=status)
    response[OFFSET], response[LENGTH] = str(found.received), str(found.bytes)
    return response
