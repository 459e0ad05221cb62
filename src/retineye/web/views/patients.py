"""Find a patient, add one, and read and change a patient's record."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, allowed, require
from retineye.clinic import exams
from retineye.clinic import patients as verbs
from retineye.clinic.access import patients_for, records_for
from retineye.clinic.blind import sights_of
from retineye.clinic.earlier import earlier_for
from retineye.clinic.models import Patient
from retineye.web.patient_forms import PatientChangeForm, PatientForm, identifiers_form, typed_identifiers

PER_PAGE = 25


@never_cache
@require_safe
def patients(request: HttpRequest) -> HttpResponse:
    """Find patients by name, number or date of birth; the number of one patient, as a scanner types it, opens it."""
    user = cast(User, request.user)
    require(user, Right.VIEW_PATIENTS)
    text = verbs.scanned(request.GET.get("q", ""))[:200]
    if text:
        audit.record(audit.Action.PATIENTS_SEARCHED, actor=user, organisation=user.membership.organisation_id)
    number = verbs.is_number(text)
    carriers = verbs.with_number(user, text) if number else []
    if len(carriers) == 1:
        return redirect("patient", pk=carriers[0].pk)
    page = Paginator(verbs.find_patients(user, text, limit=500), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "web/patients.html", {"page": page, "text": text, "number": number})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def patient_new(request: HttpRequest) -> HttpResponse:
    """Add a patient, and start an exam at once where that is asked for; one who may be here already is shown first."""
    user = cast(User, request.user)
    require(user, Right.ADD_PATIENT)
    scan = _only_a_number(request)
    asked = scan or {name: request.GET.get(name, "") for name in ("name", "local_id")}
    form = PatientForm(None if scan else request.POST or None, initial=asked)
    twice = verbs.with_number(user, scan["local_id"]) if scan else []
    if form.is_valid():
        typed = form.record
        if not form.cleaned_data["another"]:
            twice = verbs.possible_duplicates(
                user, typed["name"], typed["birth_date"], typed["birth_year"], typed["local_id"]
            )
        try:
            if not twice:
                return _added(request, user, verbs.create_patient(user, **typed))
        except ValidationError as exc:
            form.add_error(None, exc)
    return render(request, "web/patient_new.html", {"form": form, "duplicates": twice, "scan": scan})


def _only_a_number(request: HttpRequest) -> dict[str, str]:
    # A scanner ends with Enter, which sends the form: with nothing but the number in it that is a question, no mistake.
    typed = {name: request.POST.get(name, "").strip() for name in ("local_id", "name", "birth_date", "birth_year")}
    number = typed.pop("local_id")
    return {"local_id": number} if number and not any(typed.values()) else {}


def _added(request: HttpRequest, user: User, patient: Patient) -> HttpResponse:
    if "start" in request.POST:
        return redirect("exam", pk=exams.create_exam(user, patient).pk)
    return redirect("patient", pk=patient.pk)


@never_cache
@require_safe
def patient(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a patient's record and exams, the newest first; a record that was merged leads to the one that was kept."""
    user = cast(User, request.user)
    record = get_object_or_404(records_for(user), pk=pk)
    found = verbs.survivor(record)
    if found != record:
        messages.info(request, _("That record was merged into this one."))
        return redirect("patient", pk=found.pk)
    audit.record(
        audit.Action.PATIENT_VIEWED,
        actor=user,
        organisation=found.organisation_id,
        object_type="patient",
        object_id=found.pk,
    )
    history = exams.history_of(found)
    sights = sights_of(user, history)
    shown: dict[str, Any] = {
        "patient": found,
        "rows": [{"exam": exam, "sight": sights[exam.pk], "outcome": sights[exam.pk].outcome} for exam in history],
        "numbers": list(found.identifiers.order_by("created_at", "id")),
        "earlier": list(earlier_for(user).filter(patient=found)),
        "may_send": allowed(user, Right.SEND_PHOTOGRAPH),
        "merged": list(found.merged.order_by("created_at")),
        "today": timezone.localdate(),
    }
    return render(request, "web/patient.html", shown)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def patient_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change a patient's record."""
    user = cast(User, request.user)
    found = get_object_or_404(patients_for(user), pk=pk)
    require(user, Right.ADD_PATIENT)
    form = PatientChangeForm.of(found, request.POST or None)
    lines = identifiers_form(found, request.POST or None)
    if form.is_valid() and lines.is_valid():
        try:
            verbs.change_patient(user, found, **form.record)
            verbs.set_identifiers(user, found, typed_identifiers(lines))
            return redirect("patient", pk=pk)
        except ValidationError as exc:
            form.add_error(None, exc)
    return render(request, "web/patient_edit.html", {"patient": found, "form": form, "lines": lines})
