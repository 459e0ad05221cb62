"""Keeping, holding, erasing, and what leaves the clinic for research."""

from collections.abc import Callable
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from retineye.accounts.models import User
from retineye.accounts.policy import Right, allowed, require
from retineye.clinic import research, retention
from retineye.clinic.access import patients_for, records_for
from retineye.clinic.models import Erasure, Patient
from retineye.clinic.settings import settings_of
from retineye.exchange.research import research_zip
from retineye.web.manager_forms import ConsentForm, EraseForm, HoldForm, ResearchForm

_SHOWN = 100
_ANSWERS = {"yes": True, "no": False, "": None}


@never_cache
@require_safe
def data_care(request: HttpRequest) -> HttpResponse:
    """Show what is kept how long, what is held, what was erased, and the way out for research."""
    user = cast(User, request.user)
    require(user, Right.HOLD)
    shown = {
        "years": settings_of(user.membership.organisation_id).retention_years,
        "soon": retention.soon_due(user),
        "held": retention.held_of(user)[:_SHOWN],
        "erasures": retention.erasures_of(user)[:_SHOWN],
        "agreed": research.agreed_count(user),
        "form": ResearchForm(),
        "may_settle": allowed(user, Right.CHANGE_SETTINGS),
    }
    return render(request, "web/data_care.html", shown)


@require_POST
def research_export(request: HttpRequest) -> HttpResponseBase:
    """Give the zip for research."""
    user = cast(User, request.user)
    require(user, Right.EXPORT_RESEARCH)
    form = ResearchForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Name the days as they stand in a calendar."))
        return redirect("data_care")
    picked = research.pick(user, form.cleaned_data["first"], form.cleaned_data["last"])
    if not picked:
        messages.error(request, _("No photograph of a patient who agreed to research lies between these days."))
        return redirect("data_care")
    file, left_out = research_zip(picked)
    research.note_export(user, picked, left_out)
    return FileResponse(file, as_attachment=True, filename="research.zip", content_type="application/zip")


@never_cache
@require_safe
def patient_care(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one patient's consent to research, hold and erasure."""
    user = cast(User, request.user)
    patient = get_object_or_404(patients_for(user), pk=pk)
    shown = {
        "patient": patient,
        "may_ask": allowed(user, Right.ADD_PATIENT),
        "may_hold": allowed(user, Right.HOLD),
        "may_erase": allowed(user, Right.ERASE),
        "answers": [("yes", _("Yes")), ("no", _("No")), ("", _("Not asked"))],
        "answer": {True: "yes", False: "no", None: ""}[patient.research_consent],
        "hold_form": HoldForm(),
        "erase_form": EraseForm(),
    }
    return render(request, "web/patient_care.html", shown)


@require_POST
def patient_consent(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Write down whether the patient agrees to research."""
    form = ConsentForm(request.POST)

    def write(user: User, patient: Patient) -> None:
        retention.set_research_consent(user, patient, _ANSWERS[form.cleaned_data["answer"]])

    return _write(request, pk, form.is_valid(), write, _("The answer is written down."))


@require_POST
def patient_hold(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put the patient under a legal hold."""
    form = HoldForm(request.POST)

    def write(user: User, patient: Patient) -> None:
        retention.hold(user, patient, form.cleaned_data["reason"])

    return _write(request, pk, form.is_valid(), write, _("Nothing of this patient is erased until the hold is lifted."))


@require_POST
def patient_release(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Lift the hold."""
    return _write(request, pk, True, retention.release, _("The hold is lifted."))


@require_POST
def patient_erase(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Erase the patient for good."""
    user = cast(User, request.user)
    patient = get_object_or_404(patients_for(user), pk=pk)
    require(user, Right.ERASE)
    form = EraseForm(request.POST)
    try:
        if not form.is_valid():
            raise ValidationError(_("Type the patient's name to erase. Nothing was erased."))
        said = form.cleaned_data
        retention.erase(user, patient, Erasure.Why(said["why"]), name=said["name"])
    except ValidationError as exc:
        messages.error(request, " ".join(exc.messages))
        return redirect("patient_care", pk=pk)
    messages.success(request, _("The patient is erased: every photograph, exam and report."))
    return redirect("patients")


def _write(
    request: HttpRequest, pk: UUID, valid: bool, write: Callable[[User, Patient], None], done: str
) -> HttpResponse:
    user = cast(User, request.user)
    patient = get_object_or_404(records_for(user), pk=pk)
    try:
        if not valid:
            raise ValidationError(_("Something was not filled in. Nothing was written down."))
        write(user, patient)
        messages.success(request, done)
    except ValidationError as exc:
        messages.error(request, " ".join(exc.messages))
    return redirect("patient_care", pk=pk)
