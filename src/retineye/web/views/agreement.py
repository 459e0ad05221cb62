"""How often readers and the software agree."""

from datetime import date, timedelta
from typing import Final, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_date
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic.agreement import agreement_for
from retineye.clinic.settings import today_at
from retineye.clinic.words import grade_name
from retineye.grading.result import Grade
from retineye.web.agreement_charts import over_time

_LONGEST: Final = timedelta(days=366 * 5)


@never_cache
@require_safe
def agreement(request: HttpRequest) -> HttpResponse:
    """Show kappa, confusion and override rates by reader, pack and month."""
    user = cast(User, request.user)
    require(user, Right.SEE_AGREEMENT)
    today = today_at(user.membership.organisation_id)
    until = min(_day(request.GET.get("to", "")) or today, today)
    since = _day(request.GET.get("from", "")) or until - timedelta(days=364)
    since = max(min(since, until), until - _LONGEST)
    report = agreement_for(user, since, until)
    audit.record(audit.Action.AGREEMENT_VIEWED, actor=user, organisation=user.membership.organisation_id)
    shown = {
        "report": report,
        "since": since,
        "until": until,
        "grades": [grade_name(grade) for grade in Grade],
        "rows": list(zip([grade_name(grade) for grade in Grade], report.total.matrix, strict=True)),
        "chart": over_time(report.months),
    }
    return render(request, "web/agreement.html", shown)


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
