"""Small pieces of the look for templates: icons, severity steps, bars, the shell's own questions."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, get_language_bidi, ngettext
from django.utils.translation import gettext as _

from retineye.accounts.models import Role
from retineye.accounts.policy import Person, Right, allowed, membership_of
from retineye.clinic import checks
from retineye.clinic.models import Patient, Verdict
from retineye.clinic.words import grade_name, reason_name
from retineye.grading.result import Grade, Reason
from retineye.web.language import REVIEWED

register = template.Library()

ALONG = {
    "arrow-right", "chevron-left", "chevron-right", "clipboard-list", "file-text", "log-in", "log-out", "scroll-text",
    "undo-2",
}  # fmt: skip
"""Icons that follow the line of reading: they turn round where it runs from right to left."""


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw one icon of the sprite; it repeats a word and is silent to screen readers."""
    place = f"{static('vendor/lucide/icons.svg')}#{name}"
    kind = "icon icon-along" if name in ALONG else "icon"
    return format_html('<svg class="{}" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', kind, place)


@register.simple_tag
def steps(grade: int, size: str = "") -> SafeString:
    """Draw the severity 0-4 as five steps, `grade + 1` of them filled; the word stands beside it."""
    cells = format_html_join("", '<i class="{}"></i>', (("f" if step <= grade else "",) for step in range(5)))
    return format_html('<span class="steps {}" aria-hidden="true">{}</span>', f"steps-{size}" if size else "", cells)


@register.simple_tag
def meter(probability: float, grade: int) -> SafeString:
    """Draw a probability 0-1 as a bar in the colour of its grade. An SVG: the page's policy forbids inline styles."""
    return format_html(
        '<svg class="meter g-{}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="{}" height="6"></rect></svg>',
        grade,
        f"{100 * probability:.1f}",
    )


@register.filter
def corners(outline: list[list[float]]) -> str:
    """Write an outline, corners (x, y) as shares of a photograph, as the points of an SVG polygon."""
    return " ".join(f"{x:.5f},{y:.5f}" for x, y in outline)


@dataclass(frozen=True, slots=True)
class LesionKind:
    """How many places of one kind are outlined."""

    code: str
    words: str


@register.filter
def lesion_kinds(verdict: Verdict) -> list[LesionKind]:
    """Count the places that look like a lesion, kind by kind."""
    counts = Counter(lesion["code"] for lesion in verdict.lesions or [])
    words = {
        "MA": ngettext("%(count)d possible microaneurysm", "%(count)d possible microaneurysms", counts["MA"]),
        "HE": ngettext("%(count)d possible haemorrhage", "%(count)d possible haemorrhages", counts["HE"]),
        "EX": ngettext("%(count)d possible hard exudate", "%(count)d possible hard exudates", counts["EX"]),
        "SE": ngettext("%(count)d possible soft exudate", "%(count)d possible soft exudates", counts["SE"]),
    }
    return [LesionKind(code, said % {"count": counts[code]}) for code, said in words.items() if counts[code]]


@register.filter
def named(what: Grade | Reason) -> str:
    """Name a grade, or why there is none, in the language of the page."""
    return grade_name(what) if isinstance(what, Grade) else reason_name(what)


def _figure(text: str) -> str:
    """Keep a number, its sign and its unit in their order where the page runs from right to left."""
    return f"\u2066{text}\u2069" if get_language_bidi() else text


@register.filter
def percent(probability: float) -> str:
    """Write a probability 0-1 in whole percent; what is neither 0 nor 1 never reads as if it were."""
    if 0 < probability < 0.01:
        return _figure("< 1 %")
    if 0.99 < probability < 1:
        return _figure("> 99 %")
    return _figure(f"{100 * probability:.0f} %")


@register.filter
def seconds(duration_s: float) -> str:
    """Write a short duration in seconds."""
    return _figure(f"{number_format(duration_s, 2)} s")


@register.filter
def waited(since: datetime) -> str:
    """Write how long ago a moment was, in the largest unit that fits: 40 min, 3 h, 2 days."""
    minutes = int((timezone.now() - since).total_seconds() // 60)
    if minutes < 1:
        return _("just now")
    if minutes < 60:
        return _("%(n)d min") % {"n": minutes}
    if minutes < 48 * 60:
        return _("%(n)d h") % {"n": minutes // 60}
    days = minutes // (24 * 60)
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


@register.filter
def born(patient: Patient) -> str:
    """Write the date of birth, or the year where only that is known."""
    if patient.birth_date:
        return date_format(patient.birth_date, "j M Y")
    return str(patient.birth_year or _("not known"))


@register.filter
def age_of(patient: Patient) -> str:
    """Write the age in whole years today; from the year of birth alone it may be one less."""
    today = timezone.localdate()
    if patient.birth_date:
        had = (today.month, today.day) >= (patient.birth_date.month, patient.birth_date.day)
        years = today.year - patient.birth_date.year - (not had)
        return ngettext("%(n)d year", "%(n)d years", years) % {"n": years}
    if not patient.birth_year:
        return _("age not known")
    years = today.year - patient.birth_year
    return ngettext("about %(n)d year", "about %(n)d years", years) % {"n": years}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the person stands: for the bar at the top."""

    clinic: str
    role: str
    may_invite: bool
    may_read_audit: bool
    may_add: bool
    may_correct: bool
    may_see_agreement: bool
    may_call: bool
    may_edit_texts: bool
    may_recall: bool
    may_count: bool
    may_settle: bool
    may_research: bool
    may_use_api: bool
    may_take_in: bool
    may_assign: bool
    may_connect: bool


@register.simple_tag
def place_of(user: Person) -> Place | None:
    """Give the person's clinic, role and rights, or None for who has none."""
    membership = membership_of(user)
    if membership is None:
        return None
    return Place(
        clinic=membership.organisation.name,
        role=str(Role(membership.role).label),
        may_invite=allowed(user, Right.INVITE),
        may_read_audit=allowed(user, Right.READ_AUDIT),
        may_add=allowed(user, Right.ADD_PATIENT),
        may_correct=allowed(user, Right.CORRECT),
        may_see_agreement=allowed(user, Right.SEE_AGREEMENT),
        may_call=allowed(user, Right.CALL_BACK),
        may_edit_texts=allowed(user, Right.EDIT_REPORT_TEXTS),
        may_recall=allowed(user, Right.RECALL),
        may_count=allowed(user, Right.SEE_STATISTICS),
        may_settle=allowed(user, Right.CHANGE_SETTINGS),
        may_research=allowed(user, Right.EXPORT_RESEARCH),
        may_use_api=allowed(user, Right.USE_API),
        may_take_in=allowed(user, Right.TAKE_IN_BATCH),
        may_assign=allowed(user, Right.SEND_PHOTOGRAPH),
        may_connect=allowed(user, Right.CONNECT),
    )


@register.inclusion_tag("web/_languages.html", takes_context=True)
def languages(context: template.Context) -> dict[str, object]:
    """Show the languages that the pages speak, each by its own name."""
    return {
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
        "tongues": settings.LANGUAGES,
        "reviewed": get_language() in REVIEWED,
    }


@register.simple_tag
def pack_status() -> checks.PackStatus:
    """Say whether the model pack can be trusted."""
    return checks.pack_status()


@register.simple_tag(takes_context=True)
def here(context: template.Context, *names: str) -> SafeString:
    """Mark a link of the bar as the current one, if the route's name begins with one of the names."""
    request: HttpRequest = context["request"]
    name = (request.resolver_match.url_name or "") if request.resolver_match else ""
    return SafeString(' aria-current="page"' if name.startswith(names) else "")


@register.filter
def as_notice(errors: list[str]) -> SafeString:
    """Draw a form's own errors as one notice; nothing when there are none."""
    if not errors:
        return SafeString("")
    sentences = format_html_join(" ", "{}", ((sentence,) for sentence in errors))
    box = '<div class="notice notice-error" role="alert">{}<span>{}</span></div>'
    return format_html(box, icon("triangle-alert"), sentences)
