"""What another system held of a patient: its picture, and the way into an exam once a person has seen the eye."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.clinic.earlier import earlier_for, file_as
from retineye.clinic.intake import IntakeError
from retineye.clinic.models import Eye


@require_safe
def earlier_display(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Hand out the copy for people to look at; that somebody looked at it is remembered."""
    user = cast(User, request.user)
    record = get_object_or_404(earlier_for(user), pk=pk)
    if not record.display or not record.display.storage.exists(record.display.name or ""):
        raise Http404
    with record.display.open("rb") as opened:
        content = opened.read()
    audit.record(
        audit.Action.PHOTOGRAPH_VIEWED,
        actor=user,
        organisation=record.patient.organisation_id,
        object_type="earlier",
        object_id=record.pk,
    )
    return HttpResponse(content, content_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})


@require_POST
def earlier_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put the picture into an exam of its day, as the eye that a person has seen."""
    user = cast(User, request.user)
    record = get_object_or_404(earlier_for(user), pk=pk)
    eye = request.POST.get("eye")
    if eye not in Eye.values:
        messages.error(request, _("Say which eye the photograph shows."))
        return redirect("patient", pk=record.patient_id)
    try:
        return redirect("exam", pk=file_as(user, record, Eye(eye)).exam_id)
    except ValidationError as exc:
        messages.error(request, " ".join(exc.messages))
    except IntakeError as exc:
        messages.error(request, f"{exc} {exc.advice}".strip())
    return redirect("patient", pk=record.patient_id)
