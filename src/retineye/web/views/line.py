"""What a browser needs where the line to the server is cut: the script that answers then, and a page that says so."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@login_not_required
@never_cache
@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """Give the script that shows pages again without a line; at the root, or it would not hold for all of them."""
    return render(request, "web/sw.js", content_type="text/javascript")


@login_not_required
@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """Say that there is no line, and which exams can be gone on with. Holds nothing of anybody."""
    return render(request, "web/offline.html")
