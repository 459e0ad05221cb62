"""Hand out display copies, and nothing to a stranger. The original has no address here."""

from typing import cast
from uuid import UUID

from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.clinic.access import photographs_for, verdicts_for


@require_safe
def photograph_display(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Hand out the upright copy of full size; that somebody looked at it is remembered."""
    user = cast(User, request.user)
    photograph = get_object_or_404(photographs_for(user), pk=pk)
    response = _hand_out(photograph.display, "image/jpeg")
    audit.record(
        audit.Action.PHOTOGRAPH_VIEWED,
        actor=user,
        organisation=photograph.exam.patient.organisation_id,
        object_type="photograph",
        object_id=photograph.pk,
    )
    return response


@require_safe
def photograph_thumbnail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Hand out the small copy."""
    return _hand_out(get_object_or_404(photographs_for(cast(User, request.user)), pk=pk).thumbnail, "image/jpeg")


@require_safe
def photograph_heatmap(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Hand out the attention map of the latest verdict."""
    verdict = verdicts_for(cast(User, request.user)).filter(photograph=pk).order_by("-attempt").first()
    if verdict is None:
        raise Http404
    return _hand_out(verdict.heatmap, "image/png")


def _hand_out(file: FieldFile, mime: str) -> HttpResponse:
    if not file or not file.storage.exists(file.name or ""):
        raise Http404
    with file.open("rb") as opened:
        content = opened.read()
    # For this person's browser alone, and not for long: rights end.
    return HttpResponse(content, content_type=mime, headers={"Cache-Control": "private, max-age=600"})
