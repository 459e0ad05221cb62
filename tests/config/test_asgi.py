"""A request that is too large is turned away before Django writes it to disk."""

import asyncio
from typing import Any

import pytest

from retineye.config.asgi import BodyLimit

MOST = 1000


def ask(pieces: list[bytes], headers: list[tuple[bytes, bytes]] | None = None, kind: str = "http") -> tuple[int, int]:
    """Give the status and how many bytes the application saw."""
    seen, sent = bytearray(), []
    waiting = list(pieces)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            seen.extend(message.get("body", b""))
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200})

    async def receive() -> Any:
        body = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind, "headers": headers or []}
    asyncio.run(BodyLimit(application, MOST)(scope, receive, send))
    return sent[0]["status"], len(seen)


def test_a_body_up_to_the_limit_passes() -> None:
    assert ask([b"x" * 600, b"x" * 400], [(b"content-length", b"1000")]) == (200, 1000)


def test_an_announced_length_beyond_the_limit_is_refused_unread() -> None:
    assert ask([b"x" * 600, b"x" * 600], [(b"content-length", b"1200")]) == (413, 0)


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"10")], [(b"content-length", b"many")]])
def test_a_body_that_grows_beyond_the_limit_is_refused_when_it_does(headers: list[tuple[bytes, bytes]]) -> None:
    assert ask([b"x" * 600] * 50, headers) == (413, 600)
