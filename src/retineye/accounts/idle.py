"""Keep a session open while somebody works, and end it when nobody does."""

import time
from collections.abc import Callable

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse

from retineye.accounts import devices, guarding
from retineye.accounts.adapter import known_address
from retineye.accounts.models import User

_EVERY_S = 60
_SEEN = "seen"
_IDLE_S = "idle_s"


class IdleMiddleware:
    """Move the end of the session on with each request, but write it down once a minute at most.

    A page that asks every half second whether a verdict is there would else write to the database as often. The
    session's own end is the service's; a clinic that wants an earlier one has it kept here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Note the time in the session, whose end counts from when it was written last."""
        user = request.user
        if isinstance(user, User):
            quiet_s = time.time() - request.session.get(_SEEN, 0)
            if _SEEN in request.session and quiet_s > request.session.get(_IDLE_S, quiet_s):
                get_adapter().logout(request)
            elif quiet_s > _EVERY_S:
                request.session[_SEEN] = int(time.time())
                request.session[_IDLE_S] = guarding.idle_minutes_of(user) * 60
                devices.seen(request, known_address(request))
        return self.get_response(request)
