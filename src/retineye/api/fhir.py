"""FHIR R4, to read: resources by id and by search, everything of an exam or a patient, and what the server can do.

A token and its scopes are those of the API. Failures are an OperationOutcome; what belongs to another clinic is not
found.
"""

import base64
import binascii
import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import structlog
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, allowed, require
from retineye.accounts.tokens import Scope
from retineye.api.auth import Caller, caller_of
from retineye.api.door import finished
from retineye.api.problems import Problem, ProblemError
from retineye.clinic.access import exams_for, records_for
from retineye.exchange.fhir_read import Place, SearchError, exam_of, of_exam, of_patient, read, search
from retineye.exchange.fhir_statement import KINDS, exam_everything, outcome, statement
from retineye.exchange.fhir_who import Resource

log = structlog.get_logger(__name__)

MIME: Final = "application/fhir+json"
MOST: Final = 200
_TAKEN: Final = frozenset({MIME, "application/json", "application/*", "*/*", "json", "text/json", ""})
_CONTROL: Final = frozenset({"_format", "_count", "_cursor"})

View = Callable[..., HttpResponse]


class Failed(Exception):
    """The request is answered with an outcome."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def door(view: View) -> View:
    """Let programs in by their token, count their calls, and answer failures as FHIR does."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        headers: dict[str, str] = {}
        try:
            if request.method not in ("GET", "HEAD") and not request.path.endswith("/_search"):
                raise Failed(405, "This server is to read from.")
            _refuse_other_formats(request)
            response = view(request, *args, **kwargs)
        except ProblemError as exc:
            headers = dict(exc.headers)
            response = _failed(exc.problem.status, exc.detail or exc.problem.meaning)
        except Failed as exc:
            response = _failed(exc.status, str(exc))
        except PermissionDenied as exc:
            response = _failed(403, str(exc))
        except Http404:
            response = _failed(404, Problem.NOT_FOUND.meaning)
        except Exception:
            log.exception("fhir_broke")
            response = _failed(500, Problem.SERVER_ERROR.meaning)
        for name, value in headers.items():
            response[name] = value
        finished(request, response)
        return response

    guarded.login_required = False  # type: ignore[attr-defined]
    return csrf_exempt(guarded)


def _failed(status: int, text: str) -> HttpResponse:
    response = _answer(outcome(status, text), status)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if status == 405:
        response["Allow"] = "GET, HEAD"
    return response


def _answer(resource: Resource, status: int = 200) -> HttpResponse:
    return HttpResponse(json.dumps(resource, ensure_ascii=False), status=status, content_type=f"{MIME}; charset=utf-8")


def _refuse_other_formats(request: HttpRequest) -> None:
    wanted = request.GET.get("_format") or request.headers.get("Accept", "")
    kinds = {part.partition(";")[0].strip().lower() for part in wanted.split(",")}
    if not kinds & _TAKEN:
        raise Failed(406, f"Only {MIME} is spoken here.")


def _caller(request: HttpRequest, *scopes: Scope) -> Caller:
    caller = caller_of(request)
    if caller is None:
        raise ProblemError(Problem.NOT_AUTHENTICATED)
    for scope in scopes:
        if scope.value not in caller.token.scopes:
            raise ProblemError(Problem.MISSING_SCOPE, f"The token needs the scope {scope.value}.")
    require(caller.user, Right.VIEW_PATIENTS)
    return caller


def _scope(kind: str) -> Scope:
    return Scope.PATIENTS_READ if kind == "Patient" else Scope.EXAMS_READ


def _paper(caller: Caller) -> bool:
    return Scope.REPORTS_READ.value in caller.token.scopes and allowed(caller.user, Right.PRINT_REPORT)


def _base(request: HttpRequest) -> str:
    return request.build_absolute_uri("/fhir/R4")


@door
def metadata(request: HttpRequest) -> HttpResponse:
    """Say what the server can do; of nobody it says anything."""
    today = timezone.localdate().isoformat()
    return _answer(statement(base=_base(request), version=version("retineye"), date=today))


@door
def operation(request: HttpRequest) -> HttpResponse:
    """Define the operation that gives an exam as a whole."""
    _caller(request)
    return _answer(exam_everything(base=_base(request)))


@door
def resource(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    """Give one resource by its id."""
    caller = _caller(request, _scope(kind))
    if kind not in KINDS:
        raise Http404
    found = read(caller.user, kind, key, with_paper=_paper(caller))
    if found is None:
        raise Http404
    exam = None if kind in ("Patient", "Device", "Organization", "Practitioner", "Media") else exam_of(caller.user, key)
    if kind == "Patient":
        _remember(caller.user, audit.Action.PATIENT_VIEWED, "patient", UUID(key))
    elif exam is not None:
        _remember(caller.user, audit.Action.EXAM_VIEWED, "exam", exam.pk, resource=kind)
    return _answer(found)


@door
def resources(request: HttpRequest, kind: str) -> HttpResponse:
    """Give what a search finds, page by page."""
    caller = _caller(request, _scope(kind))
    if kind not in KINDS:
        raise Http404
    if not KINDS[kind].searched_by:
        raise Failed(400, f"{kind} is read by its id alone.")
    given = [(name, value) for form in (request.GET, request.POST) for name in form for value in form.getlist(name)]
    control = {name: value for name, value in given if name in _CONTROL}
    asked = [("patient" if name == "subject" else name, value) for name, value in given if name not in _CONTROL]
    try:
        page = search(
            caller.user, kind, asked, most=_count(control.get("_count", "")), after=_place(control.get("_cursor", ""))
        )
    except SearchError as exc:
        raise Failed(400, str(exc)) from exc
    what = audit.Action.PATIENTS_SEARCHED if kind == "Patient" else audit.Action.EXPORTED
    _remember(caller.user, what, "", None, resource=kind, found=len(page.items))
    here = f"{_base(request)}/{kind}"
    kept = [(name, value) for name, value in given if name != "_cursor"]
    links = [{"relation": "self", "url": f"{here}?{urlencode(kept)}"}]
    if page.next is not None:
        links.append({"relation": "next", "url": f"{here}?{urlencode([*kept, ('_cursor', _cursor(page.next))])}"})
    return _answer(_bundle(request, page.items, links))


@door
def everything(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    """Give everything of an exam, by its report, or of a patient."""
    caller = _caller(request, Scope.PATIENTS_READ, Scope.EXAMS_READ)
    items: list[Resource] = []
    if kind == "DiagnosticReport":
        exam = exam_of(caller.user, key)
        if exam is None or read(caller.user, kind, key) is None:
            raise Http404
        items = of_exam(caller.user, exam, with_paper=_paper(caller))
        _remember(caller.user, audit.Action.EXPORTED, "exam", exam.pk, format="fhir")
    elif kind == "Patient":
        patient = records_for(caller.user).filter(pk=_key(key)).first()
        if patient is None:
            raise Http404
        known = {("Patient", str(patient.pk)): of_patient(patient)}
        for exam in exams_for(caller.user).filter(patient=patient).order_by("taken_on", "id"):
            known.update({(one["resourceType"], one["id"]): one for one in of_exam(caller.user, exam)})
        items = list(known.values())
        _remember(caller.user, audit.Action.EXPORTED, "patient", patient.pk, format="fhir")
    else:
        raise Http404
    return _answer(_bundle(request, items, [{"relation": "self", "url": request.build_absolute_uri()}], total=True))


@door
def nothing(request: HttpRequest, rest: str) -> HttpResponse:
    """Say that there is nothing here."""
    raise Http404


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as exc:
        raise Http404 from exc


def _bundle(
    request: HttpRequest, items: list[Resource], links: list[dict[str, str]], *, total: bool = False
) -> Resource:
    base = _base(request)
    entries = [
        {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one, "search": {"mode": "match"}}
        for one in items
    ]
    made: Resource = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if total:
        made["total"] = len(entries)
    if entries:
        made["entry"] = entries
    return made


def _count(text: str) -> int:
    if not text:
        return 50
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MOST:
        raise Failed(400, f"_count must be a number from 1 to {MOST}.")
    return int(text)


def _cursor(place: Place) -> str:
    said = json.dumps([place.changed_at.isoformat(), str(place.id), place.given])
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def _place(cursor: str) -> Place | None:
    if not cursor:
        return None
    try:
        at, key, given = json.loads(base64.urlsafe_b64decode(cursor[:500] + "=" * (-len(cursor) % 4)))
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not isinstance(given, int) or given < 0:
            raise ValueError
        return Place(moment, UUID(key), given)
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError) as exc:
        raise Failed(400, "_cursor is not one that this search gave.") from exc


def _remember(user: User, action: audit.Action, kind: str, key: UUID | None, **detail: str | int) -> None:
    audit.record(
        action,
        actor=user,
        organisation=user.membership.organisation_id,
        object_type=kind,
        object_id=key,
        detail={"via": "fhir", **detail},
    )


urls = (
    [
        path("metadata", metadata, name="metadata"),
        path("OperationDefinition/exam-everything", operation, name="exam-everything"),
        path("<slug:kind>/_search", resources, name="search-by-form"),
        path("<slug:kind>/<str:key>/$everything", everything, name="everything"),
        path("<slug:kind>/<str:key>", resource, name="resource"),
        path("<slug:kind>", resources, name="search"),
        path("<path:rest>", nothing, name="nothing"),
    ],
    "fhir",
    "fhir",
)
"""For Django: patterns, application and namespace."""
