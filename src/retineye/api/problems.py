"""Every way in which a request can fail: one stable code each, answered as problem+json (RFC 9457)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from django.http import HttpResponse
from ninja import Schema
from ninja.responses import NinjaJSONEncoder

CONTENT_TYPE: Final = "application/problem+json"


class Problem(Enum):
    """Code: status, and what it means."""

    BAD_REQUEST = (400, "The request is not well formed.")
    BAD_CURSOR = (400, "The cursor is not one that this list gave.")
    NOT_AUTHENTICATED = (401, "There is no token, or it is wrong, revoked, too old, or its person may not use the API.")
    FORBIDDEN = (403, "The token's person does not have the right.")
    MISSING_SCOPE = (403, "The token is not good for this part of the API.")
    SHADOW_MODE = (403, "The clinic is in shadow mode: verdicts are kept and not shown.")
    NOT_FOUND = (404, "There is nothing here, or it is another clinic's.")
    METHOD_NOT_ALLOWED = (405, "The address does not know this method; `Allow` names those that it knows.")
    POSSIBLE_DUPLICATE = (409, "The patient may be here already; `ids` names who it may be.")
    EXAM_CLOSED = (409, "The exam is cancelled or signed, and takes no more changes.")
    SAME_FOR_OTHER_EYE = (409, "The same bytes are there already as the other eye.")
    KNOWN_UNDER_OTHER_PATIENT = (409, "The same bytes belong to another patient; a person may confirm it.")
    NAMES_OTHER_PATIENT = (409, "The file names another patient; a person may confirm it.")
    SAYS_OTHER_EYE = (409, "The file says that it shows the other eye; a person may confirm it.")
    ODD_DATE = (409, "The photograph can hardly have been taken when the file says; a person may confirm it.")
    HOLDS_SEVERAL = (409, "The file holds several photographs. Send it as an upload, which takes it apart.")
    WRONG_OFFSET = (409, "The piece does not begin where the last one ended; `offset` says where that is.")
    UPLOAD_INCOMPLETE = (409, "The upload has not arrived as a whole.")
    UPLOAD_CHANGED = (409, "What arrived is not what was sent; the upload begins anew.")
    UPLOAD_GONE = (409, "The upload's bytes are no longer there.")
    UPLOAD_TAKEN = (409, "The id of the upload is in use for something else.")
    NOT_NOW = (409, "What the request asks does not fit how things stand; `detail` says why.")
    IDEMPOTENCY_AT_WORK = (409, "The first request with this key is still at work.")
    TOO_LARGE = (413, "The body has more bytes than the service takes.")
    UNREADABLE = (422, "The bytes are no picture that can be graded; `reason` is the code of grading.")
    INVALID = (422, "Something in the request can not be; `errors` names it.")
    IDEMPOTENCY_MISMATCH = (422, "The key was used with another request.")
    TOO_MANY_REQUESTS = (429, "The token asks too often; `Retry-After` says when it may again.")
    SERVER_ERROR = (500, "Something unforeseen. The log of the server holds it.")
    QUEUE_FULL = (503, "Too many photographs wait to be graded; `Retry-After` says when to try again.")
    NO_PACK = (503, "The model pack is missing or altered: nothing can be graded.")
    STORAGE_FAILED = (507, "The server's disk is full or out of order; nothing was kept.")

    @property
    def code(self) -> str:
        """Give the code as it is answered."""
        return self.name.lower()

    @property
    def status(self) -> int:
        """Give the HTTP status."""
        return int(self.value[0])

    @property
    def meaning(self) -> str:
        """Say what it means."""
        return str(self.value[1])


class Fault(Schema):
    """One thing that can not be."""

    at: str
    """Where, such as `body.name`."""
    what: str


class ProblemOut(Schema):
    """Why a request failed (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[Fault] = []


@dataclass
class ProblemError(Exception):
    """A request that fails."""

    problem: Problem
    detail: str = ""
    errors: list[dict[str, str]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.problem.code


def answer(error: ProblemError) -> HttpResponse:
    """Give the response."""
    problem = error.problem
    body = {
        "type": f"urn:retineye:problem:{problem.code}",
        "title": problem.meaning,
        "status": problem.status,
        "code": problem.code,
        "detail": error.detail or problem.meaning,
        "errors": error.errors,
        **error.more,
    }
    response = HttpResponse(json.dumps(body, cls=NinjaJSONEncoder), status=problem.status, content_type=CONTENT_TYPE)
    for name, value in error.headers.items():
        response[name] = value
    return response
