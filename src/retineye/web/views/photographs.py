"""One photograph: it comes in, it is asked after until its verdict is there, and a person puts right what is wrong."""

from typing import cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import exams, intake
from retineye.clinic.access import exams_for, photographs_for
from retineye.clinic.models import Eye, Field
from retineye.web import shown
from retineye.web.forms import FieldForm, UploadForm
from retineye.web.uploading import card_shown, refusal, taken

BAD_FORM = gettext_lazy("The photograph did not arrive as it should. Load the page again, and send it once more.")


@require_POST
def exam_upload(request: HttpRequest, pk: UUID) -> JsonResponse:
    """Take one photograph into a lane; a refusal is a sentence for the person who sent it."""
    user = cast(User, request.user)
    exam = get_object_or_404(exams_for(user), pk=pk)
    require(user, Right.SEND_PHOTOGRAPH)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse({"code": "bad_form", "sentence": str(BAD_FORM)}, status=400)
    asked = form.cleaned_data
    try:
        received = intake.receive(
            exam,
            asked["photograph"],
            eye=Eye(asked["eye"]),
            by=user,
            via="web",
            field=Field(asked["field"] or Field.UNKNOWN),
            confirmed_other_patient=asked["confirmed_other_patient"],
        )
    except intake.IntakeError as exc:
        return refusal(exc)
    return taken(request, received)


@never_cache
@require_safe
def photograph_card(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a photograph's card if there is something new on it; else only when to ask again."""
    user = cast(User, request.user)
    photograph = get_object_or_404(photographs_for(user), pk=pk)
    context = card_shown(user, photograph, asked=request.GET.get("asked", ""))
    card = cast(shown.Card, context["card"])
    if card.seen == request.GET.get("seen"):
        response = render(request, "web/_poll.html", context)
        response["HX-Retarget"] = "this"
        return response
    response = render(request, "web/_photo_card.html", context | {"fresh": True})
    if card.final:
        response["HX-Trigger"] = "photograph-changed"
    return response


@require_POST
def photograph_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have a photograph whose grading failed graded once more."""
    user = cast(User, request.user)
    photograph = get_object_or_404(photographs_for(user), pk=pk)
    exams.grade_again(user, photograph)
    return redirect("exam", pk=photograph.exam_id)


@require_POST
def photograph_field(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Record what a photograph is centred on."""
    user = cast(User, request.user)
    photograph = get_object_or_404(photographs_for(user), pk=pk)
    form = FieldForm(request.POST)
    if form.is_valid():
        exams.set_field(user, photograph, Field(form.cleaned_data["field"]))
    return redirect("exam", pk=photograph.exam_id)


@require_POST
def photograph_move(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put a photograph into the other eye's lane."""
    user = cast(User, request.user)
    photograph = get_object_or_404(photographs_for(user), pk=pk)
    exams.move_to_other_eye(user, photograph)
    return redirect("exam", pk=photograph.exam_id)


@require_POST
def photograph_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a photograph out of its exam."""
    user = cast(User, request.user)
    photograph = get_object_or_404(photographs_for(user), pk=pk)
    exams.withdraw(user, photograph)
    return redirect("exam", pk=photograph.exam_id)
