"""The list of exams that ask something of a person, and the filters that a person keeps."""

from typing import Final, cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from retineye.accounts.models import User
from retineye.accounts.policy import Right, allowed, require
from retineye.accounts.sites import sites_for
from retineye.clinic.blind import reads_blind
from retineye.clinic.filters import keep_filter, saved_filters_of
from retineye.clinic.worklist import Show, counts_for, escalated_for, page_of
from retineye.web.listing import choices, listing_of, pills

PER_PAGE: Final = 25


@never_cache
@require_safe
def worklist(request: HttpRequest) -> HttpResponse:
    """Show one list, with the counts of all."""
    user = cast(User, request.user)
    require(user, Right.VIEW_PATIENTS)
    listing = listing_of(user, request.GET)
    counts = counts_for(user, listing.filters)
    page = page_of(user, listing.show, listing.filters, after=listing.after, before=listing.before, limit=PER_PAGE)
    shown = {
        "page": page,
        "rows": page.rows,
        "filters": pills(user, listing, counts),
        "show": listing.show.value,
        "text": listing.filters.text,
        "query": listing.query,
        "total": counts[listing.show],
        "grading": counts[Show.GRADING],
        "escalated": escalated_for(user),
        "reader": allowed(user, Right.READ),
        "blind": reads_blind(user),
        "saved": saved_filters_of(user),
        "sites": sites_for(user),
        **choices(listing),
    }
    return render(request, "web/worklist.html", shown)


@require_POST
def filter_save(request: HttpRequest) -> HttpResponse:
    """Keep the filters of the list under a name."""
    user = cast(User, request.user)
    listing = listing_of(user, request.POST)
    kept = keep_filter(user, request.POST.get("name", ""), listing.query)
    if kept is None:
        messages.error(request, _("Give the filter a name of up to 60 letters."))
    else:
        messages.success(request, _("Kept as “%(name)s”.") % {"name": kept.name})
    return redirect(f"{reverse('worklist')}?{listing.query}")


@require_POST
def filter_drop(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Forget a filter that was kept."""
    get_object_or_404(saved_filters_of(cast(User, request.user)), pk=pk).delete()
    return redirect("worklist")
