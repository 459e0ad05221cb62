"""One exam: its two lanes, the photographs that come in, and the result that grows out of them."""

from typing import cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, allowed
from retineye.clinic import exams
from retineye.clinic.access import exams_for, patients_for
from retineye.clinic.blind import sight_of
from retineye.clinic.models import Absence, Exam, Eye, ReadState, State
from retineye.clinic.outcome import outcome
from retineye.clinic.pieces import pieces_of
from retineye.web import shown
from retineye.web.forms import AbsenceForm, ExamForm, EyeForm
from retineye.web.uploading import piece_shown


@require_POST
def exam_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Open an exam of a patient."""
    user = cast(User, request.user)
    patient = get_object_or_404(patients_for(user), pk=pk)
    form = ExamForm(request.POST)
    try:
        taken_on = form.cleaned_data["taken_on"] if form.is_valid() else None
        return redirect("exam", pk=exams.create_exam(user, patient, taken_on=taken_on).pk)
    except ValidationError as exc:
        messages.error(request, " ".join(exc.messages))
        return redirect("patient", pk=pk)


@never_cache
@require_safe
def exam(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show both lanes and the result."""
    user = cast(User, request.user)
    found = get_object_or_404(exams_for(user), pk=pk)
    audit.record(
        audit.Action.EXAM_VIEWED,
        actor=user,
        organisation=found.patient.organisation_id,
        object_type="exam",
        object_id=found.pk,
    )
    waiting = [piece_shown(piece) for piece in pieces_of(user, found)]
    # All uploads lie under one address; the script adds the id.
    uploads_at = reverse("upload", args=[found.pk]).removesuffix(f"{found.pk}/")
    return render(
        request, "web/exam.html", _to_show(user, found) | {"pieces": waiting, "uploads_at": uploads_at, "whole": True}
    )


@never_cache
@require_safe
def exam_result(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the patient's result alone, for the page that asks as verdicts arrive."""
    user = cast(User, request.user)
    return render(request, "web/_outcome.html", _to_show(user, get_object_or_404(exams_for(user), pk=pk)))


@require_POST
def exam_absence(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Record why an eye has no photograph."""
    user = cast(User, request.user)
    found = get_object_or_404(exams_for(user), pk=pk)
    form = AbsenceForm(request.POST)
    if form.is_valid():
        absence = form.cleaned_data["absence"]
        exams.set_absence(user, found, Eye(form.cleaned_data["eye"]), Absence(absence) if absence else None)
    return redirect("exam", pk=pk)


@require_POST
def exam_dilated(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Record that the pupil of an eye is dilated now."""
    user = cast(User, request.user)
    found = get_object_or_404(exams_for(user), pk=pk)
    form = EyeForm(request.POST)
    if form.is_valid():
        exams.set_dilated(user, found, Eye(form.cleaned_data["eye"]), True)
    return redirect("exam", pk=pk)


def _to_show(user: User, found: Exam) -> dict[str, object]:
    sight = sight_of(user, found)
    # Who reads blind sees here what is still on its road; the rest waits on the page for reading.
    pictures = [one for one in sight.pictures if not (sight.hidden and State(one.photograph.state).final)]
    result = outcome(found, pictures) if sight.hidden else sight.outcome
    return {
        "exam": found,
        "hidden": sight.hidden,
        "may_read": allowed(user, Right.READ) and found.read_state != ReadState.NOT_YET,
        "lanes": shown.lanes(found, result, pictures),
        "outcome": shown.panel(result.patient),
        "show_eyes": bool(pictures) and not sight.hidden,
        "absences": Absence.choices,
        "most_bytes": settings.RETINEYE_MAX_UPLOAD_BYTES,
        # What is signed takes no more photographs; what is wrong in it can still be put right.
        "may_send": allowed(user, Right.SEND_PHOTOGRAPH) and not found.cancelled_at and found.signed_at is None,
        "may_correct": allowed(user, Right.SEND_PHOTOGRAPH) and not found.cancelled_at,
        "may_regrade": allowed(user, Right.REGRADE),
        "poll": shown.Poll(),
    }
