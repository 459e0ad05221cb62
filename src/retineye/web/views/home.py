"""The front door: what it is, what it is not, whether it lives."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from retineye.accounts.policy import membership_of
from retineye.clinic import checks


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Tell a visitor what this is; take a colleague to the worklist."""
    if membership_of(request.user):
        return redirect("worklist")
    return render(request, "web/home.html")


@login_not_required
@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """Say what it is, what it is not, and the terms of the model pack."""
    return render(request, "web/about.html", {"card": checks.pack_card()})


@login_not_required
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Tell a watcher that pages are served, and whether photographs can be graded."""
    return JsonResponse({"status": "ok", "grading": checks.pack_status().ok})
