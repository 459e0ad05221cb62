"""Display copies, thumbnails and attention maps: only through an authorised view, only for this browser."""

from io import BytesIO

import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from retineye.accounts.models import AuditEvent
from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import Photograph
from tests.cast import Clinic, add_exam, picture, send

NAMES = {"photograph_display": "JPEG", "photograph_thumbnail": "JPEG", "photograph_heatmap": "PNG"}


@pytest.fixture()
def nurse(client: Client, hill: Clinic) -> Client:
    """Have the technician signed in."""
    client.force_login(hill.technician, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture()
def photograph(hill: Clinic) -> Photograph:
    """Have a graded photograph."""
    sent = send(hill, add_exam(hill), picture())
    grade_photograph(sent.pk)
    return sent


@pytest.mark.parametrize(("name", "kind"), NAMES.items())
def test_a_picture_is_handed_out_and_kept_by_no_shared_cache(
    nurse: Client, photograph: Photograph, name: str, kind: str
) -> None:
    answer = nurse.get(reverse(name, args=[photograph.pk]))
    assert answer.status_code == 200
    assert "private" in answer["Cache-Control"]
    assert "public" not in answer["Cache-Control"]
    image = Image.open(BytesIO(answer.content))
    assert image.format == kind
    assert not image.getexif()


@pytest.mark.parametrize("name", NAMES)
def test_before_the_verdict_there_is_no_picture_to_hand_out(nurse: Client, hill: Clinic, name: str) -> None:
    waiting = send(hill, add_exam(hill), picture(2))
    assert nurse.get(reverse(name, args=[waiting.pk])).status_code == 404


def test_a_look_at_the_full_photograph_is_remembered(nurse: Client, photograph: Photograph) -> None:
    nurse.get(reverse("photograph_display", args=[photograph.pk]))
    assert AuditEvent.objects.filter(action="photograph_viewed", object_id=photograph.pk).count() == 1


def test_neither_the_original_nor_the_store_has_an_address(nurse: Client, photograph: Photograph) -> None:
    stored = Photograph.objects.get().original.name
    for guess in (f"/{stored}", f"/media/{stored}", f"/photographs/{photograph.pk}/original.jpg"):
        assert nurse.get(guess).status_code == 404
