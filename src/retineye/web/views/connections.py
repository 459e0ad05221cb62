"""Cameras that may send, archives that take results, and what is on its way to them."""

from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import deliveries, senders
from retineye.clinic.models import Delivery, Destination
from retineye.exchange.dicom_out.scu import echo
from retineye.exchange.refused import DeliveryError
from retineye.web.connection_forms import ArchiveForm, CameraForm

PER_PAGE = 50


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def connections(request: HttpRequest) -> HttpResponse:
    """Show who may send and who is sent to; add one of them."""
    user = cast(User, request.user)
    require(user, Right.CONNECT)
    adds = request.POST.get("add")
    camera = CameraForm(request.POST if adds == "camera" else None, prefix="camera")
    archive = ArchiveForm(request.POST if adds == "archive" else None, prefix="archive")
    form, add = (camera, senders.add_sender) if adds == "camera" else (archive, deliveries.add_archive)
    if adds and form.is_valid():
        try:
            made: Any = add(user, **form.cleaned_data)
            messages.success(request, _("%(name)s is added.") % {"name": made.name})
            return redirect("connections")
        except ValidationError as exc:
            form.add_error(None, exc)
    shown = {
        "camera": camera,
        "archive": archive,
        "senders": senders.senders_for(user),
        "destinations": deliveries.destinations_for(user),
        "standing": deliveries.standing_of(user, timezone.now()),
        "own_title": settings.RETINEYE_DICOM_AE_TITLE,
    }
    return render(request, "web/connections.html", shown)


@require_POST
def sender_do(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Shut a camera out, or let it in again."""
    user = cast(User, request.user)
    found = get_object_or_404(senders.senders_for(user), pk=pk)
    senders.allow_sender(user, found, not found.active)
    return redirect("connections")


@require_POST
def destination_do(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask an archive whether it answers, or hold back what goes there."""
    user = cast(User, request.user)
    found = get_object_or_404(deliveries.destinations_for(user), pk=pk)
    if request.POST.get("do") == "switch":
        deliveries.allow_destination(user, found, not found.active)
    elif request.POST.get("do") == "echo" and found.kind == Destination.Kind.DICOM:
        try:
            echo(found)
        except DeliveryError as exc:
            said = {"name": found.name, "why": deliveries.reason(exc.code)}
            messages.error(request, _("%(name)s was not reached. %(why)s") % said)
        else:
            messages.success(request, _("%(name)s answers.") % {"name": found.name})
    return redirect("connections")


@never_cache
@require_safe
def deliveries_page(request: HttpRequest) -> HttpResponse:
    """Show what waits, what failed and why, and what was sent."""
    user = cast(User, request.user)
    require(user, Right.CONNECT)
    state = request.GET.get("state", "")
    rows = deliveries.deliveries_for(user)
    if state in Delivery.State.values:
        rows = rows.filter(state=state)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    shown = {
        "page": page,
        "lines": [(row, deliveries.reason(row.error) if row.error else "") for row in page.object_list],
        "state": state,
        "states": Delivery.State.choices,
        "standing": deliveries.standing_of(user, timezone.now()),
    }
    return render(request, "web/deliveries.html", shown)


@require_POST
def delivery_do(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have something tried again at once, or never sent."""
    user = cast(User, request.user)
    found = get_object_or_404(deliveries.deliveries_for(user), pk=pk)
    match request.POST.get("do"):
        case "again":
            done, words = deliveries.send_again(user, found), _("It is tried again at once.")
        case "cancel":
            done, words = deliveries.cancel(user, found), _("It is not sent.")
        case _other:
            return redirect("deliveries")
    if done:
        messages.success(request, words)
    else:
        messages.error(request, _("It was sent, or is being sent at this moment. Look again."))
    return redirect("deliveries")
