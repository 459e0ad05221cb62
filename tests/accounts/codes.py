"""What an authenticator app does: RFC 6238, SHA-1, six digits, half a minute."""

import base64
import hashlib
import hmac
import struct
import time


def code_of(secret: str, later: int = 0) -> str:
    """Give the code that the app shows, `later` half minutes from now."""
    counter = struct.pack(">Q", int(time.time()) // 30 + later)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    place = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[place : place + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"
