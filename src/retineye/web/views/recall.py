"""Who is due, who was called, and what became of those who were referred."""

from collections.abc import Callable
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
from retineye.accounts.policy import Right, allowed, require
from retineye.clinic import recall
from retineye.clinic.access import exams_for
from retineye.clinic.models import Exam, RecallEnd, ReferralOutcome, Reminder
from retineye.clinic.recall import Due, Referred
from retineye.exchange.table import MIME, table
from retineye.web import recall_table
from retineye.web.recall_forms import DayForm, EndForm, OutcomeForm, ReminderForm


@never_cache
@require_safe
def recall_list(request: HttpRequest) -> HttpResponse:
    """Show who is to be called to the next visit."""
    user = cast(User, request.user)
    require(user, Right.RECALL)
    counts = recall.recall_counts(user)
    wanted = request.GET.get("show", "")
    show = Due(wanted) if wanted in list(Due) else Due.OVERDUE if counts[Due.OVERDUE] else Due.SOON
    _viewed(user, show)
    shown = {
        "show": show.value,
        "pills": [(one.value, recall_table.DUE_NAMES[one], counts[one]) for one in Due],
        "rows": recall.recall_for(user, show),
        "total": counts[show],
        "may_export": allowed(user, Right.EXPORT),
        "forms": recall_table.FORMS,
    }
    return render(request, "web/recall.html", shown)


@never_cache
@require_safe
def referral_list(request: HttpRequest) -> HttpResponse:
    """Show those who were referred, and what became of them."""
    user = cast(User, request.user)
    require(user, Right.RECALL)
    counts = recall.referral_counts(user)
    wanted = request.GET.get("show", "")
    show = Referred(wanted) if wanted in list(Referred) else Referred.OPEN
    _viewed(user, show)
    shown = {
        "show": show.value,
        "pills": [(one.value, recall_table.REFERRED_NAMES[one], counts[one]) for one in Referred],
        "rows": recall.referrals_for(user, show),
        "total": counts[show],
        "may_export": allowed(user, Right.EXPORT),
        "forms": recall_table.FORMS,
        "referrals": True,
    }
    return render(request, "web/recall.html", shown)


@never_cache
@require_safe
def recall_export(request: HttpRequest, form: str) -> HttpResponse:
    """Give a list as a table, with every row of it."""
    user = cast(User, request.user)
    require(user, Right.RECALL)
    require(user, Right.EXPORT)
    wanted = request.GET.get("show", "")
    if form not in recall_table.FORMS or wanted not in [*Due, *Referred]:
        raise Http404
    rows = (
        recall.recall_for(user, Due(wanted), limit=None)
        if wanted in list(Due)
        else recall.referrals_for(user, Referred(wanted), limit=None)
    )
    audit.record(
        audit.Action.EXPORTED,
        actor=user,
        organisation=user.membership.organisation_id,
        object_type="recall",
        detail={"list": wanted, "form": form, "rows": len(rows)},
    )
    return HttpResponse(
        table(form, recall_table.COLUMNS, (recall_table.row_of(row) for row in rows)),
        content_type=MIME[form],
        headers={"Content-Disposition": f'attachment; filename="recall-{wanted}.{form}"'},
    )


@never_cache
@require_safe
def recall_case(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one patient's calls and referral, and take the next one."""
    user = cast(User, request.user)
    require(user, Right.RECALL)
    found = get_object_or_404(exams_for(user), pk=pk)
    case = recall.case_of(user, found)
    audit.record(
        audit.Action.PATIENT_VIEWED,
        actor=user,
        organisation=found.patient.organisation_id,
        object_type="patient",
        object_id=found.patient_id,
    )
    shown = {
        "case": case,
        "row": case.row,
        "exam": found,
        "patient": found.patient,
        "reminder_form": ReminderForm(),
        "outcome_form": OutcomeForm(),
        "day_form": DayForm(initial={"day": found.due_set_on}),
        "ends": RecallEnd.choices,
        "end_name": RecallEnd(found.recall_end).label if found.recall_end else "",
    }
    return render(request, "web/recall_case.html", shown)


@require_POST
def recall_remind(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Write down one attempt to call the patient."""
    form = ReminderForm(request.POST)

    def write(user: User, exam: Exam) -> None:
        said = form.cleaned_data
        recall.remind(user, exam, Reminder.How(said["how"]), next_on=said["next_on"], note=said["note"])

    return _write(request, pk, form.is_valid(), write, _("The attempt is written down."))


@require_POST
def recall_follow(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Write down what became of the referral."""
    form = OutcomeForm(request.POST)

    def write(user: User, exam: Exam) -> None:
        said = dict(form.cleaned_data)
        recall.follow(user, exam, ReferralOutcome.State(said.pop("state")), **said)

    return _write(request, pk, form.is_valid(), write, _("It is written down."))


@require_POST
def recall_day(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put another day in the place of the result's."""
    form = DayForm(request.POST)

    def write(user: User, exam: Exam) -> None:
        recall.change_day(user, exam, form.cleaned_data["day"])

    return _write(request, pk, form.is_valid(), write, _("The day is changed."))


@require_POST
def recall_end(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Call the patient no more, or again."""
    form = EndForm(request.POST)

    def write(user: User, exam: Exam) -> None:
        why = form.cleaned_data["why"]
        recall.end(user, exam, RecallEnd(why) if why else None)

    return _write(request, pk, form.is_valid(), write, _("It is written down."))


def _write(request: HttpRequest, pk: UUID, valid: bool, write: Callable[[User, Exam], None], done: str) -> HttpResponse:
    user = cast(User, request.user)
    require(user, Right.RECALL)
    exam = get_object_or_404(exams_for(user), pk=pk)
    if not valid:
        messages.error(request, _("Something was not filled in as it should be. Nothing was written down."))
        return redirect("recall_case", pk=pk)
    try:
        write(user, exam)
        messages.success(request, done)
    except ValidationError as exc:
        messages.error(request, " ".join(exc.messages))
    return redirect("recall_case", pk=pk)


def _viewed(user: User, show: Due | Referred) -> None:
    audit.record(
        audit.Action.RECALL_VIEWED,
        actor=user,
        organisation=user.membership.organisation_id,
        object_type="recall",
        detail={"list": show.value},
    )
