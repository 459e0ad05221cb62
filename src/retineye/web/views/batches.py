"""Take a whole archive in from a table, and get its results as a table."""

from typing import cast
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import batch as verbs
from retineye.clinic.batch_results import COLUMNS, results_of
from retineye.clinic.models import BatchRow
from retineye.exchange.table import MIME, table
from retineye.web.program_forms import BatchForm

PER_PAGE = 25


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def batches(request: HttpRequest) -> HttpResponse:
    """Show the clinic's batches; begin one."""
    user = cast(User, request.user)
    require(user, Right.TAKE_IN_BATCH)
    form = BatchForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        asked = form.cleaned_data
        try:
            begun = verbs.begin(user, name=asked["name"], table=asked["table"].read(), pictures=asked["pictures"])
            return redirect("batch", pk=begun.pk)
        except ValidationError as exc:
            form.add_error("table", exc.messages)
    page = Paginator(verbs.batches_for(user), PER_PAGE).get_page(request.GET.get("page"))
    shown = {"form": form, "page": page, "columns": verbs.COLUMNS, "has_folder": bool(settings.RETINEYE_BATCH_DIR)}
    return render(request, "web/batches.html", shown)


@never_cache
@require_safe
def batch(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show how far a batch is, and which lines were not taken."""
    user = cast(User, request.user)
    found = get_object_or_404(verbs.batches_for(user), pk=pk)
    require(user, Right.TAKE_IN_BATCH)
    refused = found.rows.filter(state=BatchRow.State.REFUSED).order_by("line")
    return render(request, "web/batch.html", {"batch": found, "refused": refused[:200], "forms": list(MIME)})


@require_POST
def batch_do(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Pause a batch, or have it go on."""
    user = cast(User, request.user)
    found = get_object_or_404(verbs.batches_for(user), pk=pk)
    if verb := {"pause": verbs.pause, "resume": verbs.resume}.get(request.POST.get("do", "")):
        verb(user, found)
    return redirect("batch", pk=pk)


@never_cache
@require_safe
def batch_results(request: HttpRequest, pk: UUID, form: str) -> HttpResponse:
    """Hand out the results of a batch as CSV, Excel or JSON."""
    user = cast(User, request.user)
    found = get_object_or_404(verbs.batches_for(user), pk=pk)
    if form not in MIME:
        raise Http404
    content = table(form, COLUMNS, results_of(user, found))
    name = f"retineye-{found.created_at:%Y-%m-%d}.{form}"
    return HttpResponse(
        content, content_type=MIME[form], headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
