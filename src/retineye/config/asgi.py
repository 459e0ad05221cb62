"""The ASGI application that granian serves."""

import json
import os
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_FORM_BYTES = 1024 * 1024
_SENTENCE = "The file is larger than this service accepts. Export the photograph at a smaller size."


class TooMuchError(Exception):
    """The body went beyond the limit while it was read."""


class BodyLimit:
    """Turn away a body that is too large before Django writes it to disk as a whole."""

    def __init__(self, app: App, most_bytes: int) -> None:
        self.app = app
        self.most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at the announced length first, then count what comes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _announced(scope) > self.most_bytes:
            await _refuse(scope, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.most_bytes:
                raise TooMuchError
            return message

        try:
            await self.app(scope, counted, send)
        except TooMuchError:
            await _refuse(scope, send)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


async def _refuse(scope: Scope, send: Send) -> None:
    body, kind = _SENTENCE.encode(), b"text/plain; charset=utf-8"
    if str(scope.get("path", "")).startswith("/api/"):
        # As `retineye.api.problems` answers, which can not be loaded before the settings are.
        problem = {"type": "urn:retineye:problem:too_large", "title": _SENTENCE, "status": 413, "code": "too_large"}
        body, kind = json.dumps({**problem, "detail": _SENTENCE, "errors": []}).encode(), b"application/problem+json"
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})


# WhiteNoise hands static files over piece by piece in a way that Django reads as a whole under ASGI: they are small.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume", module="django.core.handlers.asgi")

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retineye.config.settings")

application = BodyLimit(get_asgi_application(), settings.RETINEYE_MAX_UPLOAD_BYTES + _FORM_BYTES)
