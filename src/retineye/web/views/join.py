"""How people come in: the first one by the link of the first run, the others by invitation."""

from typing import cast

from allauth.account.adapter import get_adapter
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from retineye.accounts import invitations, setup
from retineye.accounts.links import LinkError
from retineye.accounts.models import Role, User
from retineye.accounts.sites import sites_for
from retineye.clinic import checks
from retineye.web.forms import FirstRun, InvitationForm, NewPassword


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def first_run(request: HttpRequest, token: str) -> HttpResponse:
    """Set the service up by the one-time link."""
    form = FirstRun(request.POST or None)
    try:
        setup.check_link(token)
        if form.is_valid():
            get_adapter().login(request, setup.set_up(token, **form.cleaned_data))
            return redirect("worklist")
    except LinkError as exc:
        return render(request, "web/link_gone.html", {"sentence": exc}, status=404)
    except ValidationError as exc:
        form.add_error("password", exc)
    return render(request, "web/first_run.html", {"form": form, "card": checks.pack_card()})


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation by its link."""
    form = NewPassword(request.POST or None)
    try:
        invitation = invitations.find_invitation(token)
        if form.is_valid():
            get_adapter().login(request, invitations.accept(token, **form.cleaned_data))
            return redirect("worklist")
    except (LinkError, invitations.AlreadyHereError) as exc:
        return render(request, "web/link_gone.html", {"sentence": exc}, status=404)
    except ValidationError as exc:
        form.add_error("password", exc)
    return render(request, "web/join.html", {"form": form, "invitation": invitation})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def team(request: HttpRequest) -> HttpResponse:
    """Show who is in the clinic; invite a colleague and show the link once."""
    user = cast(User, request.user)
    waiting = invitations.invitations_for(user)
    form = InvitationForm(request.POST or None)
    shown: dict[str, object] = {"form": form, "invitations": waiting, "organisation": user.membership.organisation}
    shown["members"] = user.membership.organisation.memberships.select_related("user").order_by("user__full_name")
    shown["sites"] = sites_for(user)
    if form.is_valid():
        try:
            invited, path = invitations.invite(
                user, email=form.cleaned_data["email"], role=Role(form.cleaned_data["role"])
            )
            shown |= {"invited": invited, "link": request.build_absolute_uri(path), "form": InvitationForm()}
        except invitations.AlreadyHereError as exc:
            form.add_error("email", str(exc))
    return render(request, "web/team.html", shown)


@require_POST
def invitation_withdraw(request: HttpRequest, pk: str) -> HttpResponse:
    """Make an invitation void."""
    user = cast(User, request.user)
    invitations.withdraw(user, get_object_or_404(invitations.invitations_for(user), pk=pk))
    return redirect("team")
