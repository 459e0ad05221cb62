"""What the page that sends photographs asks and hears: forms, and answers in words."""

from dataclasses import asdict, dataclass
from typing import cast

from django import forms
from django.http import HttpRequest, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from retineye.accounts.models import User
from retineye.accounts.policy import Right, allowed
from retineye.clinic import intake, pieces, shadow, uploads
from retineye.clinic.access import verdicts_for
from retineye.clinic.blind import hides
from retineye.clinic.capture import Said
from retineye.clinic.failures import failure_text
from retineye.clinic.models import Eye, Field, Photograph, State
from retineye.clinic.sides import Source
from retineye.web import shown
from retineye.web.templatetags.look import born


class BeginForm(forms.Form):
    """A file that is about to come."""

    id = forms.UUIDField()
    bytes = forms.IntegerField(min_value=0)
    eye = forms.ChoiceField(choices=[("", ""), *Eye.choices], required=False)
    field = forms.ChoiceField(choices=Field.choices, required=False)
    hint = forms.ChoiceField(choices=[("", ""), *Eye.choices], required=False)
    sha256 = forms.RegexField(r"^[0-9a-f]{64}$", required=False)


class FinishForm(forms.Form):
    """What a person says of a file that has come."""

    eye = forms.ChoiceField(choices=[("", ""), *Eye.choices], required=False)
    field = forms.ChoiceField(choices=Field.choices, required=False)
    confirmed = forms.MultipleChoiceField(choices=[(one.value, one.value) for one in intake.Question], required=False)


@dataclass(frozen=True, slots=True)
class PieceShown:
    """A photograph that waits for its eye, as the page's script shows it."""

    id: str
    name: str
    eye: str
    field: str
    why: str
    preview: str


def piece_shown(piece: pieces.Piece) -> dict[str, str]:
    """Put a piece into the shape that the script takes."""
    number = piece.upload.number
    found = piece.guess
    why = ""
    if found.conflict:
        why = _("The file and its name contradict each other.")
    elif found.source is Source.FILE:
        why = _("Marked by what the camera wrote into the file.")
    elif found.source is Source.NAME:
        why = _("Marked by the file's name.")
    return asdict(
        PieceShown(
            id=str(piece.upload.pk),
            name=_("Photograph %(number)d") % {"number": number} if number else _("Photograph"),
            eye=found.eye.value if found.eye else "",
            field=piece.field.value,
            why=why,
            preview=reverse("upload_preview", args=[piece.upload.pk]),
        )
    )


def card_shown(user: User, photograph: Photograph, *, asked: str = "") -> dict[str, object]:
    """Give what the card of one photograph shows."""
    verdict = verdicts_for(user).filter(photograph=photograph).order_by("-attempt").first()
    shadowed = shadow.in_shadow(photograph.exam.patient.organisation_id)
    return {
        "card": shown.card(shadow.veil(photograph) if shadowed else photograph, verdict),
        "hidden": not shadowed and State(photograph.state).final and hides(user, photograph.exam),
        "poll": shown.Poll(int(asked) + 1 if asked.isdecimal() else 0),
        "may_correct": allowed(user, Right.SEND_PHOTOGRAPH),
        "may_regrade": allowed(user, Right.REGRADE),
    }


def taken(request: HttpRequest, received: intake.Received) -> JsonResponse:
    """Answer with the card of a photograph that is in the exam now."""
    context = card_shown(cast(User, request.user), received.photograph)
    html = render_to_string("web/_photo_card.html", context, request)
    card = cast(shown.Card, context["card"])
    return JsonResponse(
        {"html": html, "id": card.html_id, "eye": received.photograph.eye, "created": received.created}, status=201
    )


def parted(finished: pieces.Finished) -> JsonResponse:
    """Answer with the photographs that a person has to look at."""
    left_out = [_("%(name)s: %(why)s") % {"name": name, "why": why} for name, why in finished.left_out]
    return JsonResponse({"pieces": [piece_shown(piece) for piece in finished.pieces], "left_out": left_out})


def refusal(refused: intake.IntakeError) -> JsonResponse:
    """Say to a person why a photograph is not taken, what is asked, and whether the same may be sent again."""
    said: dict[str, object] = {"code": refused.code, "sentence": f"{refused} {refused.advice}".strip()}
    status = 409
    if isinstance(refused, intake.Unreadable):
        failure = failure_text(refused.code)
        said["sentence"], status = f"{failure.label}. {failure.advice}", 422
    elif isinstance(refused, intake.StorageFailed):
        said["again"], status = True, 507
    elif isinstance(refused, intake.Asks):
        said |= {"ask": True, "question": refused.question.value}
        if isinstance(refused, intake.SaysOtherEye):
            said["eye"] = refused.eye.value
        elif isinstance(refused, intake.KnownUnderOtherPatient):
            other = refused.photographs[0].exam.patient
            said["sentence"] = _("This very file is stored for another patient: %(name)s, born %(born)s.") % {
                "name": other.name,
                "born": born(other),
            }
        elif isinstance(refused, intake.NamesOtherPatient):
            said["sentence"] = _("The file says that it is of %(patient)s.") % {"patient": _named(refused.said)}
    return JsonResponse(said, status=status)


def _named(said: Said) -> str:
    parts = [said.patient_name or _("somebody without a name")]
    if said.birth_date:
        parts.append(_("born %(day)s") % {"day": date_format(said.birth_date, "j M Y")})
    if said.patient_id:
        parts.append(_("number %(number)s") % {"number": said.patient_id})
    return ", ".join(parts)


def stopped(error: uploads.UploadError) -> JsonResponse:
    """Say why an upload does not go on."""
    said: dict[str, object] = {"code": error.code, "sentence": str(error), "again": error.again}
    if isinstance(error, uploads.WrongOffset):
        said["offset"] = error.offset
    status = {uploads.TooLarge: 413, uploads.TooMany: 507}.get(type(error), 409)
    return JsonResponse(said, status=status)
