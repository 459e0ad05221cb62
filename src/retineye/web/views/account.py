"""A person's own keys: a new password where the old one is lost, and where they are signed in."""

from typing import cast

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retineye.accounts import devices, passwords
from retineye.accounts.links import LinkError
from retineye.accounts.models import User
from retineye.web.team_forms import ChosenPassword, ForgottenForm


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def password_forgotten(request: HttpRequest) -> HttpResponse:
    """Say who helps when a password is lost; mail a link where there is a mail server, and never say to whom."""
    shown: dict[str, object] = {"can_mail": passwords.can_mail(), "form": ForgottenForm()}
    if request.method == "POST" and passwords.can_mail():
        form = ForgottenForm(request.POST)
        shown["form"] = form
        if form.is_valid():
            email = form.cleaned_data["email"]
            if not ratelimit.consume(request, action="reset_password", key=email.lower()):
                return render(request, "429.html", status=429)
            passwords.mail_link(email, request.build_absolute_uri("/"))
            shown["sent"] = True
    return render(request, "web/password_forgotten.html", shown)


@login_not_required
@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def password_new(request: HttpRequest, token: str) -> HttpResponse:
    """Choose a new password by the one-time link, and go on to the sign-in."""
    form = ChosenPassword(request.POST or None)
    try:
        link = passwords.find_link(token)
        if form.is_valid():
            passwords.choose(token, form.cleaned_data["password"])
            messages.success(request, _("Your new password holds. Sign in with it."))
            return redirect("account_login")
    except LinkError as exc:
        return render(request, "web/link_gone.html", {"sentence": exc}, status=404)
    except ValidationError as exc:
        form.add_error("password", exc)
    return render(request, "web/password_new.html", {"form": form, "email": link.user.email})


@never_cache
@require_safe
def devices_page(request: HttpRequest) -> HttpResponse:
    """Show where the person is signed in."""
    found = devices.devices_of(cast(User, request.user), request.session.session_key)
    return render(request, "web/devices.html", {"devices": found})


@require_POST
def device_end(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign the person out of one other place."""
    if not devices.sign_out(cast(User, request.user), pk):
        raise Http404
    messages.success(request, _("That device is signed out."))
    return redirect("devices")


@require_POST
def devices_end(request: HttpRequest) -> HttpResponse:
    """Sign the person out of every other place."""
    ended = devices.sign_out_others(cast(User, request.user), str(request.session.session_key))
    sentence = ngettext("%(n)d other device is signed out.", "%(n)d other devices are signed out.", ended)
    messages.success(request, sentence % {"n": ended})
    return redirect("devices")
