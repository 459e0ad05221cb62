"""What machines brought and nobody could place: look at it, say whose it is and which eye, or set it aside."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import arrivals, placing
from retineye.clinic.access import exams_for
from retineye.clinic.intake import Question
from retineye.clinic.matching import Unmatched
from retineye.clinic.models import Arrival, Eye


@never_cache
@require_safe
def tray(request: HttpRequest) -> HttpResponse:
    """Show what waits to be assigned, the oldest first."""
    user = cast(User, request.user)
    require(user, Right.SEND_PHOTOGRAPH)
    return render(request, "web/tray.html", {"arrivals": arrivals.tray_for(user)[:100]})


@never_cache
@require_safe
def arrival(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one, what its file says, and the patients whom it may be of."""
    user = cast(User, request.user)
    require(user, Right.SEND_PHOTOGRAPH)
    found = get_object_or_404(arrivals.tray_for(user), pk=pk)
    text = request.GET.get("q", found.patient_name or found.patient_id)
    audit.record(
        audit.Action.PHOTOGRAPH_VIEWED,
        actor=user,
        organisation=found.organisation_id,
        object_type="arrival",
        object_id=found.pk,
    )
    shown = {"arrival": found, "text": text, "places": placing.places_for(user, found, text), "eyes": Eye.choices}
    return render(request, "web/arrival.html", shown)


@never_cache
@require_safe
def arrival_picture(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show its picture, small and without what its file says."""
    user = cast(User, request.user)
    require(user, Right.SEND_PHOTOGRAPH)
    found = get_object_or_404(arrivals.tray_for(user), pk=pk)
    picture = placing.picture_of(found)
    if picture is None:
        raise Http404
    return HttpResponse(picture, content_type="image/jpeg")


@require_POST
def arrival_assign(request: HttpRequest, pk: UUID) -> HttpResponse:
    """File it under the exam and the eye that were chosen."""
    user = cast(User, request.user)
    require(user, Right.SEND_PHOTOGRAPH)
    found = get_object_or_404(arrivals.tray_for(user), pk=pk)
    eye, place = request.POST.get("eye", ""), request.POST.get("place", "")
    if eye not in Eye.values or not place:
        messages.error(request, _("Choose the visit, and which eye the photograph shows."))
        return redirect("arrival", pk=pk)
    confirmed = {Question.OTHER_PATIENT} if request.POST.get("same_picture") else set()
    try:
        exam = placing.exam_at(user, found, place)
        arrivals.assign(user, found, exam, Eye(eye), confirmed=confirmed)
    except Unmatched as exc:
        messages.error(request, Arrival.Reason(exc.reason).label)
        return redirect("arrival", pk=pk)
    except ValidationError as exc:
        messages.error(request, " ".join(exc.messages))
        return redirect("arrival", pk=pk)
    except exams_for(user).model.DoesNotExist as exc:
        raise Http404 from exc
    messages.success(request, _("The photograph is in its visit and is being graded."))
    return redirect("exam", pk=exam.pk)


@require_POST
def arrival_set_aside(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take it out of the tray; the file is kept."""
    user = cast(User, request.user)
    require(user, Right.CORRECT)
    arrivals.set_aside(user, get_object_or_404(arrivals.tray_for(user), pk=pk))
    messages.success(request, _("It is set aside. The file is kept."))
    return redirect("tray")
