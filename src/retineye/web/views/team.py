"""Who works in the clinic: people and programs, what they are, and what helps them when a key is lost."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from retineye.accounts import guarding, invitations, machines, passwords, people
from retineye.accounts.models import Membership, Role, User
from retineye.accounts.policy import Right, require
from retineye.accounts.sites import sites_for
from retineye.web.forms import InvitationForm
from retineye.web.program_forms import TokenForm
from retineye.web.team_forms import ClosingForm, GuardingForm, MachineForm, OpeningForm, RoleForm


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def team(request: HttpRequest) -> HttpResponse:
    """Show who is in the clinic; invite a colleague and show the link once."""
    user = cast(User, request.user)
    form = InvitationForm(request.POST or None)
    shown = _team(user) | {"form": form}
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
def invitation_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Make an invitation void."""
    user = cast(User, request.user)
    invitations.withdraw(user, get_object_or_404(invitations.invitations_for(user), pk=pk))
    return redirect("team")


@require_POST
def machine_add(request: HttpRequest) -> HttpResponse:
    """Add a program of the clinic's, and go to where it gets its token."""
    user = cast(User, request.user)
    require(user, Right.MANAGE_PEOPLE)
    form = MachineForm(request.POST)
    if form.is_valid():
        try:
            added = machines.add_machine(user, name=form.cleaned_data["name"], role=Role(form.cleaned_data["role"]))
        except ValidationError as exc:
            form.add_error(None, exc)
        else:
            return redirect("member", pk=added.pk)
    return render(request, "web/team.html", _team(user) | {"machine_form": form})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def member(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one colleague or program; change what it is, close or open it, and help when a key is lost."""
    user = cast(User, request.user)
    found = get_object_or_404(people.members_for(user), pk=pk)
    more: dict[str, Any] = {}
    if request.method == "POST":
        try:
            more = _done(request, user, found)
        except people.PeopleError as exc:
            messages.error(request, str(exc))
        if not more:
            return redirect("member", pk=pk)
    shown = {
        "member": found,
        "own": found.user_id == user.pk,
        "sites": sites_for(user),
        "role_form": RoleForm(initial={"role": found.role}, machine=found.user.machine),
        "state_form": ClosingForm() if found.user.is_active else OpeningForm(),
        "has_factor": guarding.has_second_factor(found.user),
        "must_have": guarding.second_factor_required(found.user),
        "now": timezone.now(),
    }
    if found.user.machine:
        shown |= {"tokens": machines.tokens_of(user, found)[:100], "token_form": TokenForm()}
    return render(request, "web/member.html", shown | more)


@require_POST
def guarding_save(request: HttpRequest) -> HttpResponse:
    """Decide who needs a second factor, and when somebody who does nothing is signed out."""
    user = cast(User, request.user)
    require(user, Right.MANAGE_PEOPLE)
    form = GuardingForm(request.POST)
    if form.is_valid():
        roles = [Role(one) for one in form.cleaned_data["second_factor_roles"]]
        guarding.set_policy(user, second_factor_roles=roles, idle_minutes=form.cleaned_data["idle_minutes"])
        messages.success(request, _("Saved. It holds within a minute, for those who are signed in too."))
        return redirect("team")
    return render(request, "web/team.html", _team(user) | {"guarding_form": form})


def _done(request: HttpRequest, user: User, found: Membership) -> dict[str, Any]:
    """Do what was asked, and give what is shown only now; nothing where the page can be asked for anew."""
    match request.POST.get("do"):
        case "role":
            form = RoleForm(request.POST, machine=found.user.machine)
            if form.is_valid():
                people.change_role(user, found, Role(form.cleaned_data["role"]))
                messages.success(request, _("The role is changed. It holds from the next click on."))
        case "close":
            closing = ClosingForm(request.POST)
            if not closing.is_valid():
                return {"state_form": closing}
            people.close(user, found, people.Reason(closing.cleaned_data["reason"]))
            messages.success(request, _("The account is closed, and signed out everywhere."))
        case "open":
            opening = OpeningForm(request.POST)
            if not opening.is_valid():
                return {"state_form": opening}
            people.open_again(user, found, people.Reason(opening.cleaned_data["reason"]))
            messages.success(request, _("The account is open again."))
        case "link" if found.user.is_active and not found.user.machine:
            path = passwords.link_for(user, found)
            return {"link": request.build_absolute_uri(path), "link_until": timezone.now() + passwords.GOOD_FOR}
        case "factor":
            people.drop_second_factor(user, found)
            messages.success(request, _("The second factor is removed, and the account is signed out everywhere."))
        case "token" if found.user.machine and found.user.is_active:
            return _token(request, user, found)
        case "revoke" if found.user.machine:
            token = get_object_or_404(machines.tokens_of(user, found), pk=_uuid(request.POST.get("token", "")))
            machines.revoke_token(user, found, token)
            messages.success(request, _("The token opens nothing any more."))
    return {}


def _token(request: HttpRequest, user: User, found: Membership) -> dict[str, Any]:
    form = TokenForm(request.POST)
    if form.is_valid():
        try:
            return {"made": machines.make_token(user, found, **form.cleaned_data)}
        except ValidationError as exc:
            form.add_error(None, exc)
    return {"token_form": form}


def _team(user: User) -> dict[str, Any]:
    members = people.members_for(user)
    return {
        "invitations": invitations.invitations_for(user),
        "organisation": user.membership.organisation,
        "members": members.filter(user__is_active=True, user__machine=False),
        "machines": members.filter(user__machine=True),
        "closed": members.filter(user__is_active=False, user__machine=False),
        "with_factor": guarding.with_second_factor(user.membership.organisation),
        "sites": sites_for(user),
        "form": InvitationForm(),
        "machine_form": MachineForm(),
        "guarding_form": _guarding_form(user),
    }


def _guarding_form(user: User) -> GuardingForm:
    policy = guarding.policy_for(user)
    return GuardingForm(
        initial={"second_factor_roles": policy.second_factor_roles, "idle_minutes": policy.idle_minutes}
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
