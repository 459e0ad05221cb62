"""Programs: a person's own tokens, and the addresses that the clinic's systems are told at."""

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
from django.views.decorators.http import require_http_methods, require_POST

from retineye.accounts import tokens
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import webhooks
from retineye.web.program_forms import TokenForm, WebhookForm

PER_PAGE = 50


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def programs(request: HttpRequest) -> HttpResponse:
    """Show the person's tokens; make one, and show its text once."""
    user = cast(User, request.user)
    require(user, Right.USE_API)
    form = TokenForm(request.POST or None)
    shown: dict[str, Any] = {"form": form, "now": timezone.now()}
    if form.is_valid():
        try:
            shown |= {"made": tokens.make(user, **form.cleaned_data), "form": TokenForm()}
        except ValidationError as exc:
            form.add_error(None, exc)
    shown["tokens"] = tokens.tokens_for(user)[:100]
    return render(request, "web/programs.html", shown)


@require_POST
def program_revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have one of the person's tokens open nothing any more."""
    user = cast(User, request.user)
    tokens.revoke(user, get_object_or_404(tokens.tokens_for(user), pk=pk))
    messages.success(request, _("The token opens nothing any more."))
    return redirect("programs")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks_page(request: HttpRequest) -> HttpResponse:
    """Show the clinic's webhooks; add one."""
    user = cast(User, request.user)
    require(user, Right.CONNECT)
    form = WebhookForm(request.POST or None)
    if form.is_valid():
        try:
            return redirect("webhook", pk=webhooks.add(user, **form.cleaned_data).pk)
        except ValidationError as exc:
            form.add_error(None, exc)
    return render(request, "web/webhooks.html", {"form": form, "webhooks": webhooks.webhooks_for(user)})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one webhook, its secret and what it was sent; change it."""
    user = cast(User, request.user)
    found = get_object_or_404(webhooks.webhooks_for(user), pk=pk)
    form = WebhookForm(request.POST or None, initial={"url": found.url, "events": found.events})
    if form.is_valid():
        try:
            webhooks.change(user, found, **form.cleaned_data)
            return redirect("webhook", pk=pk)
        except ValidationError as exc:
            form.add_error(None, exc)
    page = Paginator(webhooks.deliveries_for(user, found), PER_PAGE).get_page(request.GET.get("page"))
    shown = {"webhook": found, "form": form, "page": page, "secret": webhooks.secret_of(found)}
    return render(request, "web/webhook.html", shown)


@require_POST
def webhook_do(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Try a webhook, switch it, give it a new secret, send a message again, or remove it."""
    user = cast(User, request.user)
    found = get_object_or_404(webhooks.webhooks_for(user), pk=pk)
    match request.POST.get("do"):
        case "ping":
            webhooks.ping(user, found)
        case "switch":
            webhooks.change(user, found, active=not found.active)
        case "secret":
            webhooks.change(user, found, new_secret=True)
        case "again":
            asked = request.POST.get("delivery", "")
            webhooks.send_again(user, get_object_or_404(webhooks.deliveries_for(user, found), pk=_uuid(asked)))
        case "remove":
            webhooks.remove(user, found)
            return redirect("webhooks")
    return redirect("webhook", pk=pk)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
