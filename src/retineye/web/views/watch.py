"""What watchers ask: does it live, is it ready, how does it stand."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from retineye.clinic.health import health
from retineye.web import metrics as written
from retineye.web.watching import may_watch


@login_not_required
@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Say that this process answers; nothing else is asked, so that a slow database has no process killed."""
    return JsonResponse({"live": True})


@login_not_required
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Say whether this process can serve, with 503 where it can not; each part is told to who may watch."""
    now = health()
    told = {"parts": dict(now.parts)} if may_watch(request) else {}
    return JsonResponse({"ready": now.ready, **told}, status=200 if now.ready else 503)


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the metrics to who may watch."""
    if not may_watch(request):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(written.page(), content_type=written.CONTENT_TYPE)
