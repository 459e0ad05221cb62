"""Read an exam, sign it, add to it, compare it: what a doctor does."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import reviews
from retineye.clinic.access import exams_for
from retineye.clinic.blind import sight_of
from retineye.clinic.closed import Closed
from retineye.clinic.models import Exam
from retineye.clinic.worklist import neighbours
from retineye.web import comparing
from retineye.web.confirming import ask_again, confirmed_how
from retineye.web.listing import listing_of
from retineye.web.reading import page, read_of


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def reading(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show both eyes, and record what the person reads from them."""
    user = cast(User, request.user)
    require(user, Right.READ)
    exam = get_object_or_404(exams_for(user), pk=pk)
    if request.method != "POST":
        _viewed(user, exam)
        return _shown(request, user, exam, {})
    said = read_of(request.POST)
    try:
        if "agree" in request.POST:
            said = reviews.agreed_read(user, exam, said)
        reviews.read(user, exam, said)
    except Closed:
        raise
    except ValidationError as exc:
        found = {name: " ".join(sentences) for name, sentences in _by_field(exc).items()}
        return _shown(request, user, exam, {"said": said, "errors": found}, status=422)
    return redirect(_address("reading", pk, listing_of(user, request.GET).query))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show what is about to be signed, to who has shown again who they are; and sign it."""
    user = cast(User, request.user)
    require(user, Right.SIGN)
    exam = get_object_or_404(exams_for(user), pk=pk)
    listing = listing_of(user, request.GET)
    how = confirmed_how(request)
    if how is None:
        return ask_again(request, _address("sign", pk, listing.query))
    following = neighbours(user, listing.show, listing.filters, exam)[1]
    if request.method == "POST":
        reviews.sign(user, exam, how)
        messages.success(request, _("Signed and locked."))
        if following is not None:
            return redirect(_address("reading", following, listing.query))
        return redirect(f"{reverse('worklist')}?{listing.query}")
    return _shown(request, user, exam, {}, template="web/sign.html", how=how)


@require_POST
def read_more(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask for a second read, say who is to read, add a note, or take the signature back."""
    user = cast(User, request.user)
    exam = get_object_or_404(exams_for(user), pk=pk)
    given = request.POST
    try:
        match given.get("do"):
            case "second":
                reviews.ask_second_read(user, exam)
                messages.success(request, _("Somebody else reads this exam too, before anybody signs."))
            case "assign":
                reviews.assign(user, exam, _reader(user, given.get("to", "")))
                messages.success(request, _("Noted who is to read this exam."))
            case "addendum":
                reviews.add_addendum(user, exam, given.get("text", ""))
                messages.success(request, _("Added. What was signed stays as it is."))
            case "withdraw":
                require(user, Right.SIGN)
                reviews.withdraw_signature(user, exam, given.get("reason", ""))
                messages.success(request, _("The signature is withdrawn. The exam waits to be read anew."))
    except Closed:
        raise
    except ValidationError as exc:
        messages.error(request, " ".join(exc.messages))
    return redirect(_address("reading", pk, listing_of(user, request.GET).query))


@never_cache
@require_safe
def compare(request: HttpRequest, pk: UUID, other: UUID) -> HttpResponse:
    """Show an exam beside an earlier one of the same patient, each eye at the same zoom."""
    user = cast(User, request.user)
    require(user, Right.VIEW_PATIENTS)
    exam = get_object_or_404(exams_for(user), pk=pk)
    earlier = get_object_or_404(exams_for(user), pk=other, patient=exam.patient_id)
    _viewed(user, earlier)
    shown = comparing.page(user, exam, earlier)
    return render(request, "web/compare.html", {**shown, "query": listing_of(user, request.GET).query})


def _shown(
    request: HttpRequest,
    user: User,
    exam: Exam,
    filled: dict[str, object],
    *,
    template: str = "web/reading.html",
    status: int = 200,
    **more: object,
) -> HttpResponse:
    listing = listing_of(user, request.GET)
    before, after = neighbours(user, listing.show, listing.filters, exam)
    shown = page(user, exam, sight_of(user, exam), **filled)  # type: ignore[arg-type]
    links = {
        "query": listing.query,
        "previous": _address("reading", before, listing.query) if before else "",
        "following": _address("reading", after, listing.query) if after else "",
    }
    return render(request, template, shown | links | more, status=status)


def _address(name: str, pk: UUID, query: str) -> str:
    return f"{reverse(name, args=[pk])}?{query}"


def _by_field(exc: ValidationError) -> dict[str, list[str]]:
    return exc.message_dict if hasattr(exc, "error_dict") else {"__all__": exc.messages}


def _reader(user: User, text: str) -> User | None:
    try:
        return next((one.user for one in reviews.readers_of(user) if one.user_id == UUID(text)), None)
    except ValueError:
        return None


def _viewed(user: User, exam: Exam) -> None:
    audit.record(
        audit.Action.EXAM_VIEWED,
        actor=user,
        organisation=exam.patient.organisation_id,
        object_type="exam",
        object_id=exam.pk,
        detail={"reading": True},
    )
