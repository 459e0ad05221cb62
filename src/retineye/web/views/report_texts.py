"""The words of the reports: which languages there are, what the clinic says differently, who has reviewed them."""

from typing import cast

from csp.decorators import csp_exempt
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import report_texts as words
from retineye.exchange.report_pdf import sample_page
from retineye.web.report_forms import ReviewedForm, WordsForm

_GROUPS = ("patient", "clinician")


@never_cache
@require_safe
def report_texts(request: HttpRequest) -> HttpResponse:
    """Show the languages, each with who has reviewed it."""
    user = cast(User, request.user)
    require(user, Right.EDIT_REPORT_TEXTS)
    organisation = user.membership.organisation
    rows = [words.texts_of(organisation, code) for code, _name in words.languages()]
    return render(request, "web/report_texts.html", {"rows": rows})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def report_text_language(request: HttpRequest, language: str, group: str = "patient") -> HttpResponse:
    """Show every sentence of one language beside the English, and take the clinic's own."""
    user = cast(User, request.user)
    require(user, Right.EDIT_REPORT_TEXTS)
    if language not in words.TEXTS or group not in _GROUPS:
        raise Http404
    organisation = user.membership.organisation
    texts, english = words.texts_of(organisation, language), words.texts_of(organisation, words.ENGLISH)
    form = WordsForm(texts, english, group, request.POST or None)
    if request.method == "POST" and form.is_valid():
        for key, text in form.changed().items():
            try:
                words.put_differently(user, language, key, text)
            except ValidationError as exc:
                form.add_error(key, exc)
        if not form.errors:
            messages.success(request, _("The words are saved."))
            return redirect("report_text_language", language=language, group=group)
    shown = {
        "texts": texts,
        "form": form,
        "group": group,
        "review": ReviewedForm(),
        "is_english": language == words.ENGLISH,
    }
    return render(request, "web/report_text_language.html", shown)


@require_POST
def report_text_review(request: HttpRequest, language: str) -> HttpResponse:
    """Record who has read every sentence of a language as it stands."""
    user = cast(User, request.user)
    require(user, Right.EDIT_REPORT_TEXTS)
    if language not in words.TEXTS:
        raise Http404
    form = ReviewedForm(request.POST)
    if form.is_valid():
        words.record_review(user, language, form.cleaned_data["reviewed_by"])
        messages.success(request, _("The review is recorded. It holds until a sentence is changed."))
    else:
        messages.error(request, _("Name the person who has read the sentences."))
    return redirect("report_text_language", language=language, group="patient")


@csp_exempt()  # type: ignore[arg-type]
@never_cache
@require_safe
def report_text_sample(request: HttpRequest, language: str) -> HttpResponse:
    """Show the patient's page of nobody in the clinic's words."""
    user = cast(User, request.user)
    require(user, Right.EDIT_REPORT_TEXTS)
    if language not in words.TEXTS:
        raise Http404
    pdf = sample_page(user.membership.organisation, language, provisional="provisional" in request.GET)
    return HttpResponse(
        pdf,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="sample-{language}.pdf"'},
    )
