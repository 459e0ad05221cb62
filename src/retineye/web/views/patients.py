"""Find a patient, add one, and read a patient's history."""

from typing import cast
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import exams
from retineye.clinic.access import patients_for
from retineye.clinic.outcome import outcomes_of
from retineye.clinic.patients import create_patient, find_patients, possible_duplicates
from retineye.web.forms import PatientForm

PER_PAGE = 25


@never_cache
@require_safe
def patients(request: HttpRequest) -> HttpResponse:
    """Find patients by name, number or date of birth."""
    user = cast(User, request.user)
    require(user, Right.VIEW_PATIENTS)
    text = request.GET.get("q", "").strip()[:200]
    if text:
        audit.record(audit.Action.PATIENTS_SEARCHED, actor=user, organisation=user.membership.organisation_id)
    page = Paginator(find_patients(user, text, limit=500), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "web/patients.html", {"page": page, "text": text})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def patient_new(request: HttpRequest) -> HttpResponse:
    """Add a patient; one who may be here already is shown first."""
    user = cast(User, request.user)
    require(user, Right.ADD_PATIENT)
    form = PatientForm(request.POST or None, initial={"name": request.GET.get("name", "")})
    twice = []
    if form.is_valid():
        given = {key: form.cleaned_data[key] for key in ("name", "birth_date", "birth_year", "local_id")}
        if not form.cleaned_data["another"]:
            twice = possible_duplicates(user, given["name"], given["birth_date"], given["birth_year"])
        try:
            if not twice:
                return redirect("patient", pk=create_patient(user, **given).pk)
        except ValidationError as exc:
            form.add_error(None, exc)
    return render(request, "web/patient_new.html", {"form": form, "duplicates": twice})


@never_cache
@require_safe
def patient(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a patient's exams, the newest first."""
    user = cast(User, request.user)
    found = get_object_or_404(patients_for(user), pk=pk)
    audit.record(
        audit.Action.PATIENT_VIEWED,
        actor=user,
        organisation=found.organisation_id,
        object_type="patient",
        object_id=found.pk,
    )
    history = exams.history_of(found)
    outcomes = outcomes_of(history)
    rows = [{"exam": exam, "outcome": outcomes[exam.pk]} for exam in history]
    return render(request, "web/patient.html", {"patient": found, "rows": rows, "today": timezone.localdate()})
