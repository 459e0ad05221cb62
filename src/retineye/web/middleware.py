"""What holds for each page of a clinic: its clock, and a plain word where an exam takes no more changes."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone

from retineye.clinic.closed import Closed
from retineye.clinic.settings import zone_name_for


class ClinicClockMiddleware:
    """Show and read each time as the clinic's clock has it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set the clock for the time of the request."""
        name = zone_name_for(request.user)
        if not name:
            return self.get_response(request)
        with timezone.override(ZoneInfo(name)):
            return self.get_response(request)


class ClosedMiddleware:
    """Answer with the sentence, and not with an error, where somebody changes an exam that takes no changes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Give a person the exam's page with the sentence on it, and a script the sentence alone."""
        if not isinstance(exception, Closed):
            return None
        sentence = " ".join(exception.messages)
        if "text/html" not in request.headers.get("Accept", "") or request.headers.get("HX-Request"):
            return JsonResponse({"code": "closed", "sentence": sentence}, status=409)
        messages.error(request, sentence)
        return redirect("exam", pk=exception.exam_id)
