"""Whether the person at the desk has shown a moment ago who they are, and how: what a signature asks for."""

import time
from typing import Final
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from retineye.clinic.models import Signature

GOOD_FOR_S: Final = 300
"""So long a password counts: a doctor who signs one exam after the other is asked once in a while."""


def confirmed_how(request: HttpRequest) -> Signature.How | None:
    """Say how the person has shown who they are in the last five minutes, on top of the sign-in; None: not at all."""
    for record in reversed(get_authentication_records(request, request.user)):
        if time.time() - record["at"] > GOOD_FOR_S:
            return None
        if record["method"] == "password" and record.get("reauthenticated"):
            return Signature.How.PASSWORD
    return None


def ask_again(request: HttpRequest, back_to: str) -> HttpResponseRedirect:
    """Lead to the page that asks for the password, and from there back."""
    return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': back_to})}")
