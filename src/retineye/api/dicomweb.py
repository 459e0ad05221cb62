"""DICOM over the web: STOW-RS takes photographs in. What they become is read by the API, not by WADO-RS."""

import json
import re
from typing import Final

import structlog
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from retineye.accounts.policy import Right, require
from retineye.accounts.tokens import Scope
from retineye.api.auth import caller_of
from retineye.api.door import finished
from retineye.api.problems import Problem, ProblemError
from retineye.api.problems import answer as problem
from retineye.clinic.grade import limits
from retineye.exchange import stow

log = structlog.get_logger(__name__)

MIME: Final = "application/dicom+json"
_TAKEN: Final = frozenset({MIME, "application/json", "application/*", "*/*", ""})
_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")


@csrf_exempt
def studies(request: HttpRequest, study: str = "") -> HttpResponse:
    """Take objects in, and say of each what became of it."""
    try:
        response = _stored(request, study)
    except ProblemError as exc:
        response = problem(exc)
    except PermissionDenied as exc:
        response = problem(ProblemError(Problem.FORBIDDEN, str(exc)))
    except stow.StowError as exc:
        response = HttpResponse(str(exc), status=exc.status, content_type="text/plain; charset=utf-8")
    except Exception:
        log.exception("stow_broke")
        response = problem(ProblemError(Problem.SERVER_ERROR))
    finished(request, response)
    return response


studies.login_required = False  # type: ignore[attr-defined]


def _stored(request: HttpRequest, study: str) -> HttpResponse:
    if request.method != "POST":
        raise ProblemError(Problem.METHOD_NOT_ALLOWED, headers={"Allow": "POST"})
    caller = caller_of(request)
    if caller is None:
        raise ProblemError(Problem.NOT_AUTHENTICATED, headers={"WWW-Authenticate": "Bearer"})
    if Scope.PHOTOGRAPHS_WRITE.value not in caller.token.scopes:
        raise ProblemError(Problem.MISSING_SCOPE, f"The token needs the scope {Scope.PHOTOGRAPHS_WRITE.value}.")
    require(caller.user, Right.SEND_PHOTOGRAPH)
    wanted = {part.partition(";")[0].strip().lower() for part in request.headers.get("Accept", "").split(",")}
    if not wanted & _TAKEN:
        raise stow.StowError(406, f"Only {MIME} is answered.")
    if study and (len(study) > 64 or not _UID.fullmatch(study)):
        raise stow.StowError(400, "That is no UID of a study.")
    boundary = stow.boundary_of(request.headers.get("Content-Type", ""))
    objects = stow.parts(request, boundary, most_bytes=limits().max_bytes)
    stored = stow.store(caller.user, objects, study=study)
    if not stored:
        raise stow.StowError(400, "The request holds no object.")
    return HttpResponse(json.dumps(stow.answer(stored)), status=stow.status_of(stored), content_type=MIME)


urls = (
    [path("studies", studies, name="studies"), path("studies/<str:study>", studies, name="study")],
    "dicomweb",
    "dicomweb",
)
"""For Django: patterns, application and namespace."""
