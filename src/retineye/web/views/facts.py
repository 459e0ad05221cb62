"""What is known of the patient on the day of an exam."""

from typing import cast
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import facts
from retineye.clinic.access import exams_for
from retineye.clinic.closed import Closed
from retineye.web.patient_forms import FactsForm
from retineye.web.record import facts_panel


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def exam_facts(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask for the facts of an exam, and write them down: as a piece of the exam's page, or as a page of its own."""
    user = cast(User, request.user)
    exam = get_object_or_404(exams_for(user), pk=pk)
    if request.method == "POST":
        require(user, Right.ADD_PATIENT)
    form = FactsForm.of(exam, request.POST or None)
    piece = bool(request.headers.get("HX-Request"))
    if form.is_valid():
        try:
            exam = facts.record_facts(user, exam, form.facts)
        except Closed:
            raise
        except ValidationError as exc:
            form.add_error(None, exc)
        else:
            if not piece:
                return redirect("exam", pk=pk)
            shown = facts_panel(user, exam, opened=False) | {"saved": True}
            response = render(request, "web/_facts.html", shown)
            response["HX-Trigger"] = "photograph-changed"
            return response
    shown = facts_panel(user, exam, form, opened=True)
    return render(request, "web/_facts.html" if piece else "web/facts.html", shown)
