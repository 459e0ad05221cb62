"""The door that every request of the API passes: idempotency, limits, and problem+json for what no router answers."""

import hashlib
import inspect
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.http.multipartparser import MultiPartParserError
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt

from retineye.accounts import answers
from retineye.api.auth import Caller, caller_of
from retineye.api.problems import Problem, ProblemError, answer

log = structlog.get_logger(__name__)

KEY: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
VERSION: Final = "1.0"
_KEPT_HEADERS: Final = ("Content-Type", "Location", "Content-Disposition")
_A_KEY: Final = re.compile("[!-~]{1,255}")
_PIECE: Final = 1024 * 1024

View = Callable[..., HttpResponseBase]


def behind_the_door(patterns: "Sequence[URLPattern | URLResolver]") -> list[URLPattern]:
    """Put the door before each view, and an answer where there is no view."""
    views = [pattern for pattern in patterns if isinstance(pattern, URLPattern)]
    for pattern in views:
        pattern.callback = _guarded(pattern.callback)
    return [*views, path("<path:rest>", _guarded(_nothing_here), name="api-nothing")]


def _nothing_here(request: HttpRequest, rest: str) -> HttpResponse:
    raise ProblemError(Problem.NOT_FOUND)


def _guarded(view: View) -> View:
    known = _methods(view)

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = _once(request, known, lambda: _mended(request, view(request, *args, **kwargs)))
        except ProblemError as exc:
            response = answer(exc)
        except Http404:
            response = answer(ProblemError(Problem.NOT_FOUND))
        except Exception:
            log.exception("api_broke")
            response = answer(ProblemError(Problem.SERVER_ERROR))
        return finished(request, response)

    # A token is no cookie: nothing that another site's page sends carries it.
    guarded.login_required = False  # type: ignore[attr-defined]
    return csrf_exempt(guarded)


def _methods(view: View) -> frozenset[str]:
    """Give the methods that a view knows; what it does not know is answered before any key is looked at."""
    # Ninja hands out a function that holds the operations of its address and tells of them in no other way.
    held = inspect.getclosurevars(view).nonlocals.get("self") if inspect.isfunction(view) else None
    operations = getattr(held, "operations", ())
    return frozenset(method for operation in operations for method in operation.methods)


def _mended(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code == 405:
        return answer(ProblemError(Problem.METHOD_NOT_ALLOWED, headers={"Allow": response.headers.get("Allow", "")}))
    return response


def finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Tell with each answer which version gave it, and how many calls are left."""
    response.headers["RetinEye-API-Version"] = VERSION
    response.headers.setdefault("Cache-Control", "no-store")
    caller: Caller | None = getattr(request, "_caller", None)
    if caller is not None:
        counted = caller.counted
        response.headers["RateLimit-Limit"] = str(counted.limit)
        response.headers["RateLimit-Remaining"] = str(max(0, counted.left))
        response.headers["RateLimit-Reset"] = str(counted.reset_s)
    return response


def _once(request: HttpRequest, known: frozenset[str], do: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Do what is asked; with a key only once, and the second time give the first answer."""
    key = request.headers.get(KEY)
    caller = caller_of(request) if key is not None else None
    if key is None or caller is None or request.method == "GET" or request.method not in known:
        return do()
    if not _A_KEY.fullmatch(key):
        raise ProblemError(
            Problem.INVALID,
            errors=[{"at": "header.Idempotency-Key", "what": "1 to 255 printable ASCII letters without spaces."}],
        )
    try:
        there, before = answers.begin(caller.token, key, _fingerprint(request))
    except answers.OtherRequest as exc:
        raise ProblemError(Problem.IDEMPOTENCY_MISMATCH) from exc
    except answers.StillAtWork as exc:
        raise ProblemError(Problem.IDEMPOTENCY_AT_WORK, headers={"Retry-After": "1"}) from exc
    if before is not None:
        return _again(before)
    try:
        response = do()
    except ProblemError as exc:
        response = answer(exc)
    except BaseException:
        answers.drop(there)
        raise
    if response.status_code >= 500 or response.status_code in (401, 403, 429) or not isinstance(response, HttpResponse):
        answers.drop(there)
    else:
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        answers.keep(there, answers.Answer(response.status_code, headers, response.content))
    return response


def _again(before: answers.Answer) -> HttpResponse:
    response = HttpResponse(before.body, status=before.status)
    for name, value in before.headers.items():
        response[name] = value
    response[REPLAYED] = "true"
    return response


def _fingerprint(request: HttpRequest) -> str:
    """Give the SHA-256 of what is asked: a form is the same however its parts are fenced, JSON however it is spaced."""
    parts = [(request.method or "").encode(), request.get_full_path().encode()]
    try:
        if (request.content_type or "").startswith("multipart/"):
            for name in sorted(request.POST):
                parts += [name.encode(), *(value.encode() for value in request.POST.getlist(name))]
            for name in sorted(request.FILES):
                for file in request.FILES.getlist(name):
                    parts += [name.encode(), (file.name or "").encode(), _digest(file)]
        else:
            parts.append(_plain(request.body))
    except (MultiPartParserError, SuspiciousOperation, RequestDataTooBig) as exc:
        raise ProblemError(Problem.BAD_REQUEST) from exc
    return answers.fingerprint(*parts)


def _digest(file: Any) -> bytes:
    digest = hashlib.sha256()
    for piece in file.chunks(_PIECE):
        digest.update(piece)
    file.seek(0)
    return digest.digest()


def _plain(body: bytes) -> bytes:
    try:
        return json.dumps(json.loads(body), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return body
