"""Who did what, for the administrator."""

from typing import cast
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from retineye.accounts import audit
from retineye.accounts.models import AuditEvent, User
from retineye.web.audited import action_name, object_name

PER_PAGE = 50


@never_cache
@require_safe
def audit_log(request: HttpRequest) -> HttpResponse:
    """Show the clinic's events, the newest first; that they were read is one of them."""
    user = cast(User, request.user)
    events = audit.events_for(user)
    page = Paginator(events.select_related("seal__block"), PER_PAGE).get_page(request.GET.get("page"))
    audit.record(audit.Action.AUDIT_READ, actor=user, organisation=user.membership.organisation_id)
    members = user.membership.organisation.memberships.select_related("user")
    names = {member.user_id: member.user.full_name for member in members}
    rows = [_row(event, names) for event in page]
    return render(request, "web/audit.html", {"page": page, "rows": rows})


def _row(event: AuditEvent, names: dict[UUID, str]) -> dict[str, object]:
    return {
        "event": event,
        "what": action_name(event.action),
        "object": object_name(event.object_type),
        "who": names.get(event.actor_id, _("A former colleague")) if event.actor_id else _("The service"),
        "detail": ", ".join(f"{key} {value}" for key, value in event.detail.items()),
    }
