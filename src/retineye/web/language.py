"""In which language a page speaks: the person's choice, else the browser's. What machines read is English."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from retineye.accounts.models import User

ENGLISH = "en"
REVIEWED = frozenset({ENGLISH})
"""Languages whose words somebody of the profession has read; the others say so where they are chosen."""
_MACHINES = ("/api/", "/health/", "/metrics/")


class LanguageMiddleware:
    """Speak one language from the beginning of a request to the end of its answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set the language for the time of the request, and say in the answer which it is."""
        if request.path_info.startswith(_MACHINES):
            with translation.override(ENGLISH):
                return self.get_response(request)
        language = language_of(request)
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


def language_of(request: HttpRequest) -> str:
    """Give the language that the person chose, or chose in this browser, or that the browser asks for."""
    user = request.user
    chosen = user.language if isinstance(user, User) else ""
    return chosen if offered(chosen) else translation.get_language_from_request(request)


def offered(language: str) -> bool:
    """Say whether the pages speak the language."""
    return language in dict(settings.LANGUAGES)
