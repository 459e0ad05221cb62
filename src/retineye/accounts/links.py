"""Secret links: the token is shown once, only its SHA-256 is kept."""

import hashlib
import secrets


class LinkError(Exception):
    """The link opens nothing: never made, used, withdrawn or too old. The sentence is for the person who holds it."""


def new_token() -> str:
    """Give 256 random bits that fit into an address."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Give the SHA-256 of a token, hex. The token is random, so a plain hash can not be turned round."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
