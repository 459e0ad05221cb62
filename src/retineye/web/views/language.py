"""The choice of a language: kept with the person, or in the browser of who has not signed in."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from retineye.accounts.models import User
from retineye.web.language import offered


@login_not_required
@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Speak the chosen language from now on, and go back to where the person was."""
    asked, back = request.POST.get("language", ""), request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    response = redirect(back if safe else "home")
    if not offered(asked):
        return response
    if isinstance(request.user, User):
        User.objects.filter(pk=request.user.pk).update(language=asked)
    else:
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            asked,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            path="/",
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite="Lax",
        )
    return response
