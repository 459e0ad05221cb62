"""What the clinic does in numbers, with charts, and as tables for other programs."""

from collections.abc import Callable, Iterable
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, allowed, require
from retineye.clinic.statistics import Rate, Statistics, statistics_of
from retineye.exchange.table import MIME, table
from retineye.web import charts
from retineye.web.manager_forms import PeriodForm
from retineye.web.recall_table import FORMS

_BARS = 12
"""A chart shows so many groups; the table beside it shows all."""
_HOUR = 3600


def _rows_of_rates(rates: Iterable[Rate]) -> list[dict[str, Any]]:
    return [
        {
            "name": rate.name,
            "photographs": rate.total,
            "not_gradable": rate.poor,
            "share": round(rate.share, 4),
            "from_95": round(rate.interval[0], 4),
            "to_95": round(rate.interval[1], 4),
        }
        for rate in rates
    ]


def _rows_of_weeks(found: Statistics) -> list[dict[str, Any]]:
    return [
        {
            "week_from": week.monday,
            "exams": week.exams,
            "signed": week.signed,
            "photographs": week.photographs,
            "median_hours_to_signature": None if week.signature_s is None else round(week.signature_s / _HOUR, 2),
        }
        for week in found.weeks
    ]


def _rows_of_waits(found: Statistics) -> list[dict[str, Any]]:
    return [
        {
            "step": wait.name,
            "count": wait.count,
            "median_seconds": wait.median_s,
            "nine_of_ten_within_seconds": wait.slow_s,
        }
        for wait in found.waits
    ]


_RATE = ("name", "photographs", "not_gradable", "share", "from_95", "to_95")
TABLES: dict[str, tuple[tuple[str, ...], Callable[[Statistics], list[dict[str, Any]]]]] = {
    "operators": (_RATE, lambda found: _rows_of_rates(found.operators)),
    "cameras": (_RATE, lambda found: _rows_of_rates(found.cameras)),
    "sites": (_RATE, lambda found: _rows_of_rates(found.sites)),
    "weeks": (("week_from", "exams", "signed", "photographs", "median_hours_to_signature"), _rows_of_weeks),
    "waits": (("step", "count", "median_seconds", "nine_of_ten_within_seconds"), _rows_of_waits),
}
"""The tables that can be taken out, with their columns."""


@never_cache
@require_safe
def statistics(request: HttpRequest) -> HttpResponse:
    """Show the clinic in numbers."""
    user = cast(User, request.user)
    require(user, Right.SEE_STATISTICS)
    found = statistics_of(user, *_days(request))
    audit.record(
        audit.Action.STATISTICS_VIEWED, actor=user, organisation=user.membership.organisation_id, object_type="clinic"
    )
    groups = [
        (key, title, rates, _share_chart(key, title, rates))
        for key, title, rates in (
            ("operators", _("By who took them"), found.operators),
            ("cameras", _("By camera"), found.cameras),
            ("sites", _("By site"), found.sites),
        )
        if rates
    ]
    shown = {
        "found": found,
        "groups": groups,
        "week_chart": _week_chart(found),
        "wait_chart": _wait_chart(found),
        "may_export": allowed(user, Right.EXPORT),
        "forms": FORMS,
        "may_see_agreement": allowed(user, Right.SEE_AGREEMENT),
    }
    return render(request, "web/statistics.html", shown)


@never_cache
@require_safe
def statistics_export(request: HttpRequest, which: str, form: str) -> HttpResponse:
    """Give one table of the numbers."""
    user = cast(User, request.user)
    require(user, Right.SEE_STATISTICS)
    require(user, Right.EXPORT)
    if which not in TABLES or form not in FORMS:
        raise Http404
    columns, rows_of = TABLES[which]
    # Other programs read it: the same words whatever the person's language.
    with translation.override("en"):
        rows = rows_of(statistics_of(user, *_days(request)))
    audit.record(
        audit.Action.EXPORTED,
        actor=user,
        organisation=user.membership.organisation_id,
        object_type="statistics",
        detail={"list": which, "form": form, "rows": len(rows)},
    )
    return HttpResponse(
        table(form, columns, rows),
        content_type=MIME[form],
        headers={"Content-Disposition": f'attachment; filename="{which}.{form}"'},
    )


def _days(request: HttpRequest) -> tuple[Any, Any]:
    form = PeriodForm(request.GET)
    form.is_valid()
    return form.cleaned_data.get("first"), form.cleaned_data.get("last")


def _share_chart(key: str, title: str, rates: list[Rate]) -> str:
    bars = [charts.Bar(rate.name, rate.share, *rate.interval, f"{100 * rate.share:.0f} %") for rate in rates[:_BARS]]
    return charts.shares(
        f"chart-{key}",
        _("Photographs that could not be graded: %(group)s") % {"group": title},
        "; ".join(f"{rate.name}: {100 * rate.share:.0f} % ({rate.poor}/{rate.total})" for rate in rates[:_BARS]),
        bars,
    )


def _week_chart(found: Statistics) -> str:
    return charts.columns(
        "chart-weeks",
        _("Exams taken and exams signed in each week"),
        "; ".join(f"{date_format(week.monday, 'j M')}: {week.exams}, {week.signed}" for week in found.weeks),
        [date_format(week.monday, "j M") for week in found.weeks],
        [[week.exams for week in found.weeks], [week.signed for week in found.weeks]],
    )


def _wait_chart(found: Statistics) -> str:
    hours = [None if week.signature_s is None else week.signature_s / _HOUR for week in found.weeks]
    return charts.columns(
        "chart-waits",
        _("Median hours from the first photograph to the signature, by week of the signature"),
        "; ".join(
            f"{date_format(week.monday, 'j M')}: {'–' if hour is None else f'{hour:.1f}'}"
            for week, hour in zip(found.weeks, hours, strict=True)
        ),
        [date_format(week.monday, "j M") for week in found.weeks],
        [hours],
    )
