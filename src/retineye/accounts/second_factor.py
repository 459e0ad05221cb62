"""The second factor: an app that shows codes, or a passkey; and the gate before everything for who must have one."""

import base64
import io
import ipaddress
import secrets
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final

import segno
from allauth.account.adapter import get_adapter as account_adapter
from allauth.core import context, ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext, gettext_lazy

from retineye.accounts.guarding import CHECKED, lacks_second_factor
from retineye.accounts.models import User

_OPEN: Final = frozenset(
    {
        "account_login",
        "account_logout",
        "account_reauthenticate",
        "account_inactive",
        "home",
        "about",
        "offline",
        "service_worker",
    }
)
"""What the gate lets through besides the pages of the second factor itself."""
_EVERY_S: Final = 60


def takes_passkeys(request: HttpRequest) -> bool:
    """Say whether a browser can bind a passkey to where the service is: a name, never an address."""
    host = request.get_host().rpartition(":")[0] or request.get_host()
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return request.is_secure() or host == "localhost" or host.endswith(".localhost")
    return False


class ClinicMFAAdapter(DefaultMFAAdapter):
    """Name the service to apps and passkeys, and draw the code that an app scans with what we have anyway."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": gettext_lazy("That was not right. Try once more."),
    }

    def get_totp_issuer(self) -> str:
        """Give the name that the app shows."""
        return "RetinEye"

    def _get_site_name(self) -> str:
        return "RetinEye"

    def build_totp_svg(self, url: str) -> str:
        """Draw the QR code as SVG; the secret in it leaves this machine in no other way."""
        out = io.BytesIO()
        segno.make(url, error="m").save(out, kind="svg", xmldecl=False, svgns=True, border=0, omitsize=True, scale=1)
        return out.getvalue().decode("utf-8")

    def encrypt(self, text: str) -> str:
        """Keep a secret so that a copy of the database alone does not give it away."""
        return _box().encrypt(text.encode()).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        """Give a secret back; where the service's own secret has changed, one that no code fits."""
        try:
            return _box().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return base64.b32encode(secrets.token_bytes(20)).decode("ascii")

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        """Name a new passkey where the person gave it no name."""
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return gettext("Passkey %(number)d") % {"number": number}


def _box() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    made = (salted_hmac("retineye.second_factor", "box", secret=key, algorithm="sha256").digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(one)) for one in made])


class CodeForm(AuthenticateForm):
    """Take a code of the app or a recovery code at the sign-in, a few times: it has few digits."""

    def clean_code(self) -> str:
        """Count the tries of the account, wherever they come from."""
        key = f"second-factor-{self.user.pk}"
        if not ratelimit.consume(context.request, action="second_factor", key=key):
            raise account_adapter().validation_error("too_many_login_attempts")
        code: str = super().clean_code()
        ratelimit.clear(context.request, action="second_factor", key=key)
        return code


class SecondFactorMiddleware:
    """Lead who must have a second factor and has none to the page where it is set up, whatever they asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand the request on."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Stop at the gate; who has passed it passes for a minute without a question."""
        user, match = request.user, request.resolver_match
        if not isinstance(user, User) or match is None or "api-v1" in match.namespaces:
            return None
        name = match.url_name or ""
        if name in _OPEN or name.startswith(("mfa_", "health")):
            return None
        if time.time() - request.session.get(CHECKED, 0) < _EVERY_S:
            return None
        if not lacks_second_factor(request, user):
            request.session[CHECKED] = int(time.time())
            return None
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": reverse("mfa_index")})
        if "text/html" not in request.headers.get("Accept", "text/html"):
            # As for who is signed out: photographs that wait in the browser go on waiting, and are not refused.
            return JsonResponse({"code": "second_factor_needed"}, status=401)
        return redirect("mfa_index")
