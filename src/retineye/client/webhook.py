"""Check that a webhook's message is RetinEye's own."""

import hashlib
import hmac
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from retineye.client.errors import BadSignature

_SIGNED = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Message:
    """What happened: ids only."""

    id: str
    """The same for each time that the message is sent: whoever has seen it passes it over."""
    event: str
    created_at: str
    data: dict[str, Any]


def open_message(
    secret: str, signature: str, body: bytes, *, tolerance_s: int = 300, now: float | None = None
) -> Message:
    """Give a webhook's message, if it is signed with the secret and new.

    Parameters
    ----------
    signature
        The header ``RetinEye-Signature``.
    body
        The bytes as they came.

    Raises
    ------
    BadSignature
        If the signature is not right, or older than `tolerance_s`.
    """
    found = _SIGNED.fullmatch(signature)
    if found is None:
        raise BadSignature("The signature is not in the form of one.")
    expected = hmac.new(secret.encode(), found[1].encode() + b"." + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, found[2]):
        raise BadSignature("The message is not signed with this secret.")
    if abs((time.time() if now is None else now) - int(found[1])) > tolerance_s:
        raise BadSignature("The message is too old.")
    content = json.loads(body)
    return Message(content["id"], content["event"], content["created_at"], content["data"])
