"""The places where a clinic works, and who works where."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from retineye.accounts import sites
from retineye.accounts.models import Membership, User
from retineye.accounts.policy import Right, require
from retineye.web.forms import SiteForm


@require_POST
def site_add(request: HttpRequest) -> HttpResponse:
    """Add a site."""
    user = cast(User, request.user)
    require(user, Right.MANAGE_PEOPLE)
    form = SiteForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give the site a name."))
        return redirect("team")
    try:
        sites.add_site(user, name=form.cleaned_data["name"])
    except sites.SiteError as exc:
        messages.error(request, str(exc))
    return redirect("team")


@require_POST
def site_active(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Close a site, or open it again."""
    user = cast(User, request.user)
    site = get_object_or_404(sites.sites_for(user), pk=pk)
    sites.set_active(user, site, "open" in request.POST)
    return redirect("team")


@require_POST
def member_site(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say at which site a colleague works."""
    user = cast(User, request.user)
    member = get_object_or_404(Membership, pk=pk, organisation=user.membership.organisation_id)
    chosen = request.POST.get("site", "")
    site = get_object_or_404(sites.sites_for(user).filter(active=True), pk=chosen) if _is_id(chosen) else None
    sites.assign(user, member, site)
    return redirect("team")


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
