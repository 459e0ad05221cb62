"""The API as a whole: its routers, its errors, its description."""

from typing import Any, Final

import structlog
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Swagger
from ninja.errors import HttpError
from ninja.errors import ValidationError as Malformed
from ninja.openapi.schema import OpenAPISchema

from retineye.api import exams, grade, patients, photographs, programs, recall, reports, reviews, uploads
from retineye.api.door import KEY, REPLAYED, VERSION, behind_the_door
from retineye.api.problems import CONTENT_TYPE, Problem, ProblemError, answer
from retineye.clinic import intake, single
from retineye.clinic import uploads as uploading
from retineye.clinic.closed import Closed

log = structlog.get_logger(__name__)

DESCRIPTION: Final = """
Programs speak with a token that a person made on the page “Programs”: `Authorization: Bearer rtn_...`. A token never
does more than its person, and only what its scopes name.

Every failure is `application/problem+json` with a stable `code`. Lists come page by page: `next` is the `cursor` of the
next page. A request that changes something may carry an `Idempotency-Key`: sent again within a day, it is answered
again and not done again.

This is version 1. Fields and codes may be added to it; nothing is taken away or given another meaning before version 2
stands beside it for at least a year. What will go is marked deprecated here, and answers with the header `Deprecation`.
"""

_LIMITS: Final = {
    name: {"description": text, "schema": {"type": "integer"}}
    for name, text in (
        ("RateLimit-Limit", "Calls a minute."),
        ("RateLimit-Remaining", "Calls left in this minute."),
        ("RateLimit-Reset", "Seconds until it counts anew."),
    )
}


class Api(NinjaAPI):
    """The API, whose description says of problems what they are."""

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """Give the description: problems with their own media type, keys where something is changed."""
        schema = super().get_openapi_schema(**kwargs)
        for methods in schema["paths"].values():
            for method, operation in methods.items():
                _tell(method, operation)
        return schema


def _tell(method: str, operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        if int(status) >= 400 and "application/json" in content:
            response["content"] = {CONTENT_TYPE: content.pop("application/json")}
            codes = [problem.code for problem in Problem if problem.status == int(status)]
            response["description"] = ", ".join(f"`{code}`" for code in codes)
            if int(status) in (429, 503):
                response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
        elif int(status) < 300:
            response["headers"] = {**_LIMITS}
            if response.get("description") == "OK" and operation.get("summary"):
                response["description"] = operation["summary"]
    if method != "get":
        operation.setdefault("parameters", []).append(
            {
                "name": KEY,
                "in": "header",
                "required": False,
                "description": f"A key of the program's own; an answer that is given again has `{REPLAYED}: true`.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            }
        )


api = Api(
    title="RetinEye",
    version=VERSION,
    description=DESCRIPTION,
    urls_namespace="api-v1",
    docs=Swagger({"persistAuthorization": False, "validatorUrl": None, "defaultModelsExpandDepth": 0}),
    docs_url="/docs",
    openapi_url="/openapi.json",
)
for _prefix, _router in (
    ("/patients", patients.router),
    ("", exams.router),
    ("", photographs.router),
    ("", uploads.router),
    ("/grade", grade.router),
    ("", reviews.router),
    ("", reports.router),
    ("", recall.router),
    ("", programs.router),
):
    api.add_router(_prefix, _router)


@api.exception_handler(ProblemError)
def _problem(request: HttpRequest, exc: ProblemError) -> HttpResponse:
    return answer(exc)


@api.exception_handler(Malformed)
def _malformed(request: HttpRequest, exc: Malformed) -> HttpResponse:
    errors = [{"at": ".".join(str(part) for part in one["loc"]), "what": str(one["msg"])} for one in exc.errors]
    # The value itself is not repeated: it may be a patient's.
    return answer(ProblemError(Problem.INVALID, errors=errors[:50]))


@api.exception_handler(HttpError)
def _http(request: HttpRequest, exc: HttpError) -> HttpResponse:
    return answer(ProblemError(Problem.BAD_REQUEST))


@api.exception_handler(Closed)
def _closed(request: HttpRequest, exc: Closed) -> HttpResponse:
    return answer(ProblemError(Problem.EXAM_CLOSED, " ".join(exc.messages)))


@api.exception_handler(ValidationError)
def _refused(request: HttpRequest, exc: ValidationError) -> HttpResponse:
    if not hasattr(exc, "error_dict"):
        return answer(ProblemError(Problem.NOT_NOW, " ".join(exc.messages)))
    errors = [{"at": name, "what": " ".join(sentences)} for name, sentences in exc.message_dict.items()]
    return answer(ProblemError(Problem.INVALID, errors=errors))


@api.exception_handler(PermissionDenied)
def _forbidden(request: HttpRequest, exc: PermissionDenied) -> HttpResponse:
    return answer(ProblemError(Problem.FORBIDDEN, str(exc)))


@api.exception_handler(Http404)
@api.exception_handler(ObjectDoesNotExist)
def _not_found(request: HttpRequest, exc: Exception) -> HttpResponse:
    return answer(ProblemError(Problem.NOT_FOUND))


_INTAKE: Final = {
    intake.SameForOtherEye: Problem.SAME_FOR_OTHER_EYE,
    intake.HoldsSeveral: Problem.HOLDS_SEVERAL,
    intake.ExamClosed: Problem.EXAM_CLOSED,
    intake.KnownUnderOtherPatient: Problem.KNOWN_UNDER_OTHER_PATIENT,
    intake.NamesOtherPatient: Problem.NAMES_OTHER_PATIENT,
    intake.SaysOtherEye: Problem.SAYS_OTHER_EYE,
    intake.OddDate: Problem.ODD_DATE,
    intake.StorageFailed: Problem.STORAGE_FAILED,
}


@api.exception_handler(intake.IntakeError)
def _not_taken(request: HttpRequest, exc: intake.IntakeError) -> HttpResponse:
    detail = f"{exc} {exc.advice}".strip()
    if isinstance(exc, intake.Unreadable):
        return answer(ProblemError(Problem.UNREADABLE, detail, more={"reason": exc.code}))
    problem = next((known for kind, known in _INTAKE.items() if isinstance(exc, kind)), Problem.NOT_NOW)
    more = {"question": exc.question.value} if isinstance(exc, intake.Asks) else {}
    return answer(ProblemError(problem, detail, more=more))


_UPLOAD: Final = {
    uploading.WrongOffset: Problem.WRONG_OFFSET,
    uploading.TooLarge: Problem.TOO_LARGE,
    uploading.TooMany: Problem.STORAGE_FAILED,
    uploading.Changed: Problem.UPLOAD_CHANGED,
    uploading.Incomplete: Problem.UPLOAD_INCOMPLETE,
    uploading.Gone: Problem.UPLOAD_GONE,
}


@api.exception_handler(uploading.UploadError)
def _stopped(request: HttpRequest, exc: uploading.UploadError) -> HttpResponse:
    problem = _UPLOAD.get(type(exc), Problem.NOT_NOW)
    more = {"offset": exc.offset} if isinstance(exc, uploading.WrongOffset) else {}
    return answer(ProblemError(problem, str(exc), more=more))


@api.exception_handler(single.SingleError)
def _not_graded(request: HttpRequest, exc: single.SingleError) -> HttpResponse:
    if isinstance(exc, single.Unreadable):
        return answer(ProblemError(Problem.UNREADABLE, str(exc), more={"reason": exc.code}))
    if isinstance(exc, single.Busy):
        return answer(ProblemError(Problem.QUEUE_FULL, str(exc), headers={"Retry-After": str(exc.retry_after_s)}))
    if isinstance(exc, single.NoPack):
        return answer(ProblemError(Problem.NO_PACK, str(exc), headers={"Retry-After": "60"}))
    return answer(ProblemError(Problem.SHADOW_MODE, str(exc)))


@api.exception_handler(Exception)
def _unforeseen(request: HttpRequest, exc: Exception) -> HttpResponse:
    log.exception("api_broke", path=request.resolver_match.route if request.resolver_match else "")
    return answer(ProblemError(Problem.SERVER_ERROR))


urls = (behind_the_door(api.urls[0]), *api.urls[1:])
"""For Django: patterns, application and namespace."""
