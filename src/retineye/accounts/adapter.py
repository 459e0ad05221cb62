"""How people sign in: allauth with closed doors, and every try on record."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.guarding import CHECKED
from retineye.accounts.models import User
from retineye.accounts.policy import membership_of


def sign_in_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Give the e-mail address that somebody tries to sign in with, for the count of failed tries."""
    given = (credentials or {}).get("email") or (credentials or {}).get("username") or request.POST.get("login", "")
    return str(given).strip().lower()


def client_address(request: HttpRequest) -> str:
    """Give the address of the machine that asks; a proxy's word for it counts only where the settings name one."""
    proxies = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    said = request.headers.get("x-forwarded-for", "").split(",")
    return said[-proxies].strip() if 0 < proxies <= len(said) else str(request.META.get("REMOTE_ADDR", ""))


def known_address(request: HttpRequest) -> str:
    """Give `client_address` where it is a network address, and one that means none else: a socket has none."""
    try:
        return str(ipaddress.ip_address(client_address(request)))
    except ValueError:
        return "0.0.0.0"  # noqa: S104  nothing listens there: it says that nobody knows


def _remember(action: audit.Action, user: User | None, detail: audit.Detail | None = None) -> None:
    membership = membership_of(user) if user is not None else None
    audit.record(
        action,
        actor=user,
        organisation=membership.organisation_id if membership else None,
        object_type="user" if user is not None else "",
        object_id=user.pk if user is not None else None,
        detail=detail,
    )


def _leads_to_signing(request: HttpRequest) -> bool:
    path = urlsplit(request.POST.get("next") or request.GET.get("next") or "/").path
    try:
        return resolve(path).url_name == "sign"
    except Resolver404:
        return False


class ClinicAdapter(DefaultAccountAdapter):
    """Keep registration closed and remember who came, who failed to and who left."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say no: people come by invitation."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Give where the request comes from, for the list of devices and the limits of tries."""
        return known_address(request)

    def send_notification_mail(self, template_prefix: str, user: Any, *args: Any, **kwargs: Any) -> None:
        """Remember what became of a second factor: allauth would mail it, and calls this at each change."""
        what = template_prefix.rsplit("/", 1)[-1]
        if template_prefix.startswith("mfa/"):
            self.request.session.pop(CHECKED, None)
            _remember(audit.Action.SECOND_FACTOR_CHANGED, user, {"what": what})

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Give the ways to show again who one is, in our words; a signature takes no code of an app for one."""
        words = {
            "reauthenticate": _("Use your password"),
            "mfa_reauthenticate": _("Use a code"),
            "mfa_reauthenticate:webauthn": _("Use your passkey"),
        }
        ways = [{**way, "description": words[way["id"]]} for way in super().get_reauthentication_methods(user)]
        if _leads_to_signing(self.request):
            return [way for way in ways if way["id"] != "mfa_reauthenticate"]
        return ways

    def login(self, request: HttpRequest, user: Any) -> None:
        """Open the session."""
        super().login(request, user)
        _remember(audit.Action.SIGNED_IN, user)

    def logout(self, request: HttpRequest) -> None:
        """Close the session."""
        user = request.user
        super().logout(request)
        if isinstance(user, User):
            _remember(audit.Action.SIGNED_OUT, user)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Remember the try: whose account it was aimed at if there is one, and never what was typed."""
        super().authentication_failed(request, **credentials)
        _remember(audit.Action.SIGN_IN_FAILED, User.objects.filter(email=sign_in_name(request, credentials)).first())

    def set_password(self, user: Any, password: str) -> None:
        """Change the password."""
        super().set_password(user, password)
        _remember(audit.Action.PASSWORD_CHANGED, user)
