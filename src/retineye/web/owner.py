"""Whose page it is: what a browser keeps for one person is neither shown to another nor sent in another's name."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

HEADER = "X-RetinEye-User"


class OwnerMiddleware:
    """Write the person's id on each page, and turn away what a script sends for somebody who has left."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Compare, hand on, and write."""
        mine = str(request.user.pk) if request.user.is_authenticated else ""
        if request.headers.get(HEADER, mine) != mine:
            return JsonResponse({"code": "other_user"}, status=409)
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            # Anew: signing in or out happens in between.
            response[HEADER] = str(request.user.pk) if request.user.is_authenticated else ""
        return response
