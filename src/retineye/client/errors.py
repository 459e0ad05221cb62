"""What can go wrong.

RetinEyeError
├── NoConnection      the service does not answer
├── ProblemError      the service refuses; `code` is one of docs/api.md
└── BadSignature      a webhook's message is not the service's own, or is too old
"""

from collections.abc import Mapping
from typing import Any


class RetinEyeError(Exception):
    """Something went wrong between a program and RetinEye."""


class NoConnection(RetinEyeError):
    """The service does not answer."""


class BadSignature(RetinEyeError):
    """The message is not the service's own, or is too old."""


class ProblemError(RetinEyeError):
    """The service refuses."""

    def __init__(self, status: int, body: Mapping[str, Any], retry_after_s: int | None) -> None:
        self.status = status
        self.body = body
        self.code = str(body.get("code", "unknown"))
        self.detail = str(body.get("detail", ""))
        self.errors: list[dict[str, str]] = list(body.get("errors", []))
        self.retry_after_s = retry_after_s
        super().__init__(f"{self.code} ({status}): {self.detail}")
