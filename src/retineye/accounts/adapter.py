"""How people sign in: allauth with closed doors, and every try on record."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from retineye.accounts import audit
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


def _remember(action: audit.Action, user: User | None) -> None:
    membership = membership_of(user) if user is not None else None
    audit.record(
        action,
        actor=user,
        organisation=membership.organisation_id if membership else None,
        object_type="user" if user is not None else "",
        object_id=user.pk if user is not None else None,
    )


class ClinicAdapter(DefaultAccountAdapter):
    """Keep registration closed and remember who came, who failed to and who left."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say no: people come by invitation."""
        return False

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
