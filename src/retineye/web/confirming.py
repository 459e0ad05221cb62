"""Whether the person at the desk has shown a moment ago who they are, and how: what a signature asks for."""

import time
from typing import Final, cast
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from retineye.accounts.guarding import has_passkey
from retineye.accounts.models import User
from retineye.accounts.second_factor import takes_passkeys
from retineye.clinic.models import Signature

GOOD_FOR_S: Final = 300
"""So long a password or a passkey counts: a doctor who signs one exam after the other is asked once in a while."""


def confirmed_how(request: HttpRequest) -> Signature.How | None:
    """Say how the person has shown who they are in the last five minutes, on top of the sign-in; None: not at all."""
    for record in reversed(get_authentication_records(request, request.user)):
        if time.time() - record["at"] > GOOD_FOR_S:
            return None
        if not record.get("reauthenticated"):
            continue
        if record["method"] == "password":
            return Signature.How.PASSWORD
        if record["method"] == "mfa" and record.get("type") == Authenticator.Type.WEBAUTHN:
            return Signature.How.PASSKEY
    return None


def ask_again(request: HttpRequest, back_to: str) -> HttpResponseRedirect:
    """Lead to the page that asks for the passkey where there is one, else for the password; and from there back."""
    by_passkey = takes_passkeys(request) and has_passkey(cast(User, request.user))
    page = reverse("mfa_reauthenticate_webauthn" if by_passkey else "account_reauthenticate")
    return HttpResponseRedirect(f"{page}?{urlencode({'next': back_to})}")
