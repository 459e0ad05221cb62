"""Put things right: the other eye, the other patient, two records of one person, an exam that never was."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import corrections as verbs
from retineye.clinic import patients
from retineye.clinic.access import exams_for, patients_for, photographs_for, records_for
from retineye.clinic.closed import Closed
from retineye.clinic.models import Patient
from retineye.web.patient_forms import OtherPatientForm, ReasonForm
from retineye.web.record import named

REASONS = (
    gettext_lazy("The wrong patient was open"),
    gettext_lazy("The lanes were mixed up"),
    gettext_lazy("Entered twice"),
    gettext_lazy("One person under two records"),
)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def exam_correct(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give an exam to the patient whose visit it was, or cancel it."""
    user = cast(User, request.user)
    exam = get_object_or_404(exams_for(user), pk=pk)
    require(user, Right.CORRECT)
    form = _form(request, alone="cancel")
    if isinstance(form, OtherPatientForm):
        if _moved(user, form, lambda whose, why: verbs.exam_to_other_patient(user, exam, whose, why)):
            messages.success(request, _("The exam was moved."))
            return redirect("exam", pk=pk)
    elif form is not None and _done(form, lambda why: verbs.cancel_exam(user, exam, why)):
        return redirect("exam", pk=pk)
    return render(request, "web/exam_correct.html", {"exam": exam, "form": form, **_chooser(request, exam.patient)})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def photograph_correct(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Move a photograph to the other eye, or to the patient whose eye it shows."""
    user = cast(User, request.user)
    photograph = get_object_or_404(photographs_for(user), pk=pk)
    require(user, Right.CORRECT)
    form = _form(request, alone="eye")
    if isinstance(form, OtherPatientForm):
        if _moved(user, form, lambda whose, why: verbs.to_other_patient(user, photograph, whose, why)):
            messages.success(request, _("The photograph was moved to the other patient's exam of that day."))
            return redirect("exam", pk=photograph.exam_id)
    elif form is not None and _done(form, lambda why: verbs.to_other_eye(user, photograph, why)):
        return redirect("exam", pk=photograph.exam_id)
    shown = {
        "photograph": photograph,
        "exam": photograph.exam,
        "named": named(photograph),
        "other_eye": _("left") if photograph.eye == "right" else _("right"),
        "form": form,
    }
    return render(request, "web/photograph_correct.html", shown | _chooser(request, photograph.exam.patient))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def patient_merge(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Make two records of one person one: find the other, compare, choose which is kept."""
    user = cast(User, request.user)
    mine = get_object_or_404(patients_for(user), pk=pk)
    require(user, Right.CORRECT)
    other = _asked(user, request, mine)
    form = OtherPatientForm(request.POST) if request.method == "POST" and other else None
    if form is not None and other is not None:

        def merge(kept: Patient, why: str) -> None:
            if kept not in (mine, other):
                raise ValidationError(_("Choose which of the two records is kept."))
            verbs.merge(user, kept, other if kept == mine else mine, why)

        if _moved(user, form, merge):
            return redirect("patient", pk=form.cleaned_data["patient"])
    shown = {"patient": mine, "other": other, "pair": [mine, other] if other else [], "form": form}
    return render(request, "web/patient_merge.html", shown | _chooser(request, mine))


@require_POST
def patient_part(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Undo a merge."""
    user = cast(User, request.user)
    record = get_object_or_404(records_for(user), pk=pk)
    require(user, Right.CORRECT)
    kept = record.merged_into_id or record.pk
    form = ReasonForm(request.POST)
    if _done(form, lambda why: verbs.part(user, record, why)):
        messages.success(request, _("The record stands for itself again."))
        return redirect("patient", pk=pk)
    messages.error(request, " ".join(str(sentence) for errors in form.errors.values() for sentence in errors))
    return redirect("patient", pk=kept)


def _form(request: HttpRequest, *, alone: str) -> ReasonForm | None:
    # One page has two forms: one asks for a reason alone, the other also for the patient whose it is.
    if request.method != "POST":
        return None
    return ReasonForm(request.POST) if request.POST.get("what") == alone else OtherPatientForm(request.POST)


def _done(form: ReasonForm, do: Callable[[str], object]) -> bool:
    # A refusal belongs on the form that was filled in; an exam that is closed has its own answer.
    if not form.is_valid():
        return False
    try:
        do(form.cleaned_data["reason"])
    except Closed:
        raise
    except ValidationError as exc:
        form.add_error("reason" if hasattr(exc, "error_dict") else None, exc.messages)
        return False
    return True


def _moved(user: User, form: OtherPatientForm, do: Callable[[Patient, str], object]) -> bool:
    def move(why: str) -> None:
        chosen = patients_for(user).filter(pk=form.cleaned_data["patient"]).first()
        if chosen is None:
            raise ValidationError(_("Choose the patient."))
        do(chosen, why)

    return _done(form, move)


def _asked(user: User, request: HttpRequest, mine: Patient) -> Patient | None:
    try:
        return patients_for(user).exclude(pk=mine.pk).filter(pk=UUID(request.GET.get("with", ""))).first()
    except ValueError:
        return None


def _chooser(request: HttpRequest, mine: Patient) -> dict[str, Any]:
    user = cast(User, request.user)
    text = patients.scanned(request.GET.get("q", ""))[:200]
    if text:
        found = [one for one in patients.find_patients(user, text, limit=20) if one.pk != mine.pk]
    else:
        found = patients.possible_duplicates(user, mine.name, mine.birth_date, mine.birth_year, mine.local_id, but=mine)
    return {"text": text, "found": found, "reasons": REASONS}
