"""A program has a photograph graded alone."""

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.utils import timezone

from retineye.clinic import single
from retineye.clinic.models import ClinicSettings, Photograph, SingleGrade
from tests.cast import Clinic, picture
from tests.photos import encode


def test_it_waits_in_the_store_and_is_answered_with_the_line_of_the_command(hill: Clinic) -> None:
    sent = single.send(hill.technician, picture(), "a.jpg")
    assert default_storage.exists(sent.original.name)
    assert single.take_one()
    done = SingleGrade.objects.get(pk=sent.pk)
    assert done.state == "done"
    assert done.answer["status"] in ("graded", "ungradable", "not_fundus")
    assert done.answer["sha256"] == sent.sha256
    assert done.answer["file"] == "a.jpg"
    # PostgreSQL keeps the keys of JSON in an order of its own; the API puts them in the command's.
    assert set(done.answer) == {
        "file", "sha256", "status", "reasons", "advice", "grade", "grade_name", "probabilities", "expected_grade",
        "referable", "vision_threatening", "uncertain", "quality", "eye", "seconds", "pack", "error",
    }  # fmt: skip
    assert not default_storage.exists(sent.original.name)
    assert not Photograph.objects.exists()
    assert not single.take_one()


def test_what_is_no_picture_is_refused_at_the_door(hill: Clinic) -> None:
    for data in (b"", b"not a picture", encode.__doc__.encode() if encode.__doc__ else b"x"):
        with pytest.raises(single.Unreadable):
            single.send(hill.technician, data, "a.jpg")
    assert not SingleGrade.objects.exists()


def test_when_too_much_waits_it_is_turned_away_with_a_time(hill: Clinic, settings: Any) -> None:
    settings.RETINEYE_API_QUEUE = 1
    single.send(hill.technician, picture(), "a.jpg")
    with pytest.raises(single.Busy) as told:
        single.send(hill.technician, picture(2), "b.jpg")
    assert told.value.retry_after_s >= 5


def test_without_a_pack_and_in_shadow_mode_nothing_is_taken(hill: Clinic, settings: Any, tmp_path: Path) -> None:
    ClinicSettings.objects.create(organisation=hill.organisation, shadow_mode=True)
    with pytest.raises(single.Hidden):
        single.send(hill.technician, picture(), "a.jpg")
    ClinicSettings.objects.all().delete()
    settings.RETINEYE_PACK = str(tmp_path / "none")
    single.pack_status(fresh=True)
    with pytest.raises(single.NoPack):
        single.send(hill.technician, picture(), "a.jpg")


def test_a_manager_may_not_and_a_colleague_does_not_see_it(hill: Clinic) -> None:
    with pytest.raises(PermissionDenied):
        single.send(hill.manager, picture(), "a.jpg")
    single.send(hill.technician, picture(), "a.jpg")
    assert not single.singles_for(hill.doctor).exists()


def test_one_whose_worker_died_is_taken_again_and_given_up_in_the_end(hill: Clinic) -> None:
    sent = single.send(hill.technician, picture(), "a.jpg")
    lapsed = timezone.now() - timedelta(seconds=1)
    SingleGrade.objects.update(state="grading", attempt=single.TRIES, lease_until=lapsed)
    assert single.take_one()
    answer = SingleGrade.objects.get(pk=sent.pk).answer
    assert answer["status"] == "error"
    assert answer["error"].startswith("died")


def test_it_is_forgotten_after_a_day(hill: Clinic) -> None:
    sent = single.send(hill.technician, picture(), "a.jpg")
    lost = default_storage.save(f"{hill.organisation.pk}/single/5b0f1c0a-0000-4000-8000-000000000000", BytesIO(b"x"))
    assert single.forget(timezone.now() + timedelta(hours=25)) == 1
    assert not default_storage.exists(sent.original.name)
    assert not default_storage.exists(lost)
