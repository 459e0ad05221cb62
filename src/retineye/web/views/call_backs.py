"""Patients to be called, because what they were told is not so."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import callbacks
from retineye.clinic.models import CallBack, CallBackTry
from retineye.web.report_forms import CloseForm, TryForm
from retineye.web.told import now_words, told_words


@never_cache
@require_safe
def call_backs(request: HttpRequest) -> HttpResponse:
    """Show who is to be called, the most urgent first, and below who was called last."""
    user = cast(User, request.user)
    require(user, Right.CALL_BACK)
    waiting = [
        {"task": task, "told": told_words(task.row.told), "now": now_words(task.row)}
        for task in callbacks.tasks_for(user)
    ]
    shown = {
        "waiting": waiting,
        "ended": callbacks.tasks_for(user, closed=True, limit=20),
        "hows": CallBackTry.How.choices,
        "outcomes": CallBack.Outcome.choices,
    }
    return render(request, "web/call_backs.html", shown)


@require_POST
def call_back_try(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Write down one attempt."""
    user = cast(User, request.user)
    task = get_object_or_404(callbacks.call_backs_for(user), pk=pk)
    form = TryForm(request.POST)
    if form.is_valid():
        try:
            callbacks.note_try(user, task, CallBackTry.How(form.cleaned_data["how"]))
            messages.success(request, _("The attempt is written down."))
        except ValidationError as exc:
            messages.error(request, " ".join(exc.messages))
    else:
        messages.error(request, _("Choose what came of the call."))
    return redirect("call_backs")


@require_POST
def call_back_close(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Write down how it ended."""
    user = cast(User, request.user)
    task = get_object_or_404(callbacks.call_backs_for(user), pk=pk)
    form = CloseForm(request.POST)
    if form.is_valid():
        try:
            callbacks.close(user, task, CallBack.Outcome(form.cleaned_data["outcome"]))
            messages.success(request, _("The task is closed."))
        except ValidationError as exc:
            messages.error(request, " ".join(exc.messages))
    else:
        messages.error(request, _("Choose how it ended."))
    return redirect("call_backs")
