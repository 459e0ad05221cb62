"""The list of exams that ask something of a person."""

from typing import Final, cast

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic.worklist import Show, counts_for, worklist_for

PER_PAGE: Final = 25
_TITLES: Final = {
    Show.ATTENTION: "To read",
    Show.REFER: "Refer",
    Show.UNSURE: "Unsure",
    Show.INCOMPLETE: "Ungradable or incomplete",
    Show.ROUTINE: "Routine",
    Show.ALL: "All",
}


@never_cache
@require_safe
def worklist(request: HttpRequest) -> HttpResponse:
    """Show one list, with the counts of all."""
    user = cast(User, request.user)
    require(user, Right.VIEW_PATIENTS)
    asked = request.GET.get("show", "")
    show = Show(asked) if asked in _TITLES else Show.ATTENTION
    text = request.GET.get("q", "").strip()[:200]
    counts = counts_for(user, text)
    page = Paginator(range(counts[show]), PER_PAGE).get_page(request.GET.get("page"))
    rows = worklist_for(user, show, text=text, limit=PER_PAGE, offset=max(page.start_index() - 1, 0))
    filters = [{"key": key.value, "title": title, "count": counts[key]} for key, title in _TITLES.items()]
    shown = {
        "page": page,
        "rows": rows,
        "filters": filters,
        "show": show.value,
        "text": text,
        "grading": counts[Show.GRADING],
    }
    return render(request, "web/worklist.html", shown)
