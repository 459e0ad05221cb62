"""Keep a session open while somebody works."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_EVERY_S = 60
_SEEN = "seen"


class IdleMiddleware:
    """Move the end of the session on with each request, but write it down once a minute at most.

    A page that asks every half second whether a verdict is there would else write to the database as often.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Note the time in the session, whose end counts from when it was written last."""
        if request.user.is_authenticated and time.time() - request.session.get(_SEEN, 0) > _EVERY_S:
            request.session[_SEEN] = int(time.time())
        return self.get_response(request)
