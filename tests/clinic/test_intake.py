"""The door: what is taken in, what is refused, and what is left behind."""

import errno
import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage

from retineye.accounts.models import AuditEvent
from retineye.clinic import intake, queue
from retineye.clinic.intake import IntakeError, KnownUnderOtherPatient, SameForOtherEye, StorageFailed, Unreadable
from retineye.clinic.models import Exam, Eye, Field, Photograph, State
from tests.cast import Clinic, add_exam, add_patient, picture, send


def stored() -> list[Path]:
    """Give every file in the store."""
    return sorted(path for path in Path(default_storage.location).rglob("*") if path.is_file())  # type: ignore[attr-defined]


def test_a_photograph_is_kept_byte_for_byte_under_its_clinic_and_waits(hill: Clinic) -> None:
    exam, data = add_exam(hill), picture()
    received = intake.receive(exam, BytesIO(data), eye=Eye.LEFT, by=hill.technician, via="web", field=Field.MACULA)
    photograph = Photograph.objects.get()
    assert received.created
    assert received.photograph.pk == photograph.pk
    assert (photograph.state, photograph.eye, photograph.field, photograph.via) == (
        State.WAITING,
        Eye.LEFT,
        Field.MACULA,
        "web",
    )
    assert (photograph.mime, photograph.width_px, photograph.height_px) == ("image/jpeg", 720, 480)
    assert (photograph.bytes, photograph.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    [path] = stored()
    assert path.read_bytes() == data
    assert path.relative_to(default_storage.location).parts == (  # type: ignore[attr-defined]
        str(hill.organisation.pk),
        str(photograph.pk),
        "original.jpg",
    )
    assert path.stat().st_mode & 0o777 == 0o400
    assert queue.announced([photograph.pk]) == {photograph.pk}
    assert AuditEvent.objects.filter(action="photograph_received", object_id=photograph.pk).count() == 1


def test_the_same_photograph_sent_twice_is_one(hill: Clinic) -> None:
    exam, data = add_exam(hill), picture()
    first = intake.receive(exam, BytesIO(data), eye=Eye.RIGHT, by=hill.technician, via="web")
    second = intake.receive(exam, BytesIO(data), eye=Eye.RIGHT, by=hill.doctor, via="web")
    assert (first.created, second.created) == (True, False)
    assert second.photograph.pk == first.photograph.pk
    assert Photograph.objects.count() == len(stored()) == 1


def test_two_that_send_the_same_photograph_at_one_moment_get_one_row(
    hill: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam, data = add_exam(hill), picture()
    first = send(hill, exam, data)
    known, asked = intake._known, []

    def blind_at_first(*arguments: Any) -> Photograph | None:
        # The other one's row is written between the look and the write.
        asked.append(arguments)
        return None if len(asked) == 1 else known(*arguments)

    monkeypatch.setattr(intake, "_known", blind_at_first)
    second = intake.receive(exam, BytesIO(data), eye=Eye.RIGHT, by=hill.technician, via="web")
    assert not second.created
    assert second.photograph.pk == first.pk
    assert Photograph.objects.count() == len(stored()) == 1


def test_the_same_file_for_the_other_eye_is_refused(hill: Clinic) -> None:
    exam, data = add_exam(hill), picture()
    send(hill, exam, data, Eye.RIGHT)
    with pytest.raises(SameForOtherEye, match="other eye") as refused:
        send(hill, exam, data, Eye.LEFT)
    assert refused.value.advice
    assert Photograph.objects.count() == len(stored()) == 1


def test_the_same_file_for_the_other_eye_is_refused_in_a_later_exam_too(hill: Clinic) -> None:
    patient, data = add_patient(hill), picture()
    send(hill, add_exam(hill, patient), data, Eye.RIGHT)
    with pytest.raises(SameForOtherEye):
        send(hill, add_exam(hill, patient), data, Eye.LEFT)


def test_identical_bytes_under_another_patient_stop_until_a_person_decides(hill: Clinic) -> None:
    data = picture()
    first = send(hill, add_exam(hill), data)
    other = add_exam(hill, add_patient(hill, "Ben Okoro"))
    with pytest.raises(KnownUnderOtherPatient) as stopped:
        send(hill, other, data)
    assert [photograph.pk for photograph in stopped.value.photographs] == [first.pk]
    assert Photograph.objects.count() == len(stored()) == 1
    taken = send(hill, other, data, confirmed_other_patient=True)
    assert taken.exam_id == other.pk
    assert AuditEvent.objects.filter(action="other_patient_confirmed", object_id=taken.pk).exists()
    assert len(stored()) == 2


def test_another_clinic_s_photographs_are_never_mentioned_nor_shared(hill: Clinic, lake: Clinic) -> None:
    data = picture()
    send(hill, add_exam(hill), data)
    send(lake, add_exam(lake), data)
    assert len(stored()) == 2


def test_a_withdrawn_photograph_may_be_sent_again(hill: Clinic) -> None:
    from retineye.clinic.exams import withdraw

    exam, data = add_exam(hill), picture()
    withdraw(hill.technician, send(hill, exam, data, Eye.RIGHT))
    again = send(hill, exam, data, Eye.LEFT)
    assert again.eye == Eye.LEFT


BAD = {
    "an empty file": (b"", "empty_file"),
    "a text": (b"no picture at all, only words", "not_an_image"),
    "a program": (b"\x7fELF" + bytes(400), "not_an_image"),
    "a truncated photograph": (picture()[:9000], "truncated"),
    "a header without a picture": (picture()[:200], "truncated"),
}


@pytest.mark.parametrize(("data", "code"), BAD.values(), ids=BAD.keys())
def test_a_file_that_is_no_photograph_is_refused_with_its_sentence_and_nothing_is_kept(
    hill: Clinic, data: bytes, code: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        send(hill, add_exam(hill), data)
    assert refused.value.code == code
    assert refused.value.advice.endswith(".")
    assert str(refused.value)
    assert not stored()
    assert not Photograph.objects.exists()


def test_a_file_beyond_the_limit_is_refused_before_it_is_read_to_its_end(hill: Clinic, settings: Any) -> None:
    settings.RETINEYE_MAX_UPLOAD_BYTES = 3 * 1024 * 1024
    stream = BytesIO(bytes(64 * 1024 * 1024))
    with pytest.raises(Unreadable) as refused:
        intake.receive(add_exam(hill), stream, eye=Eye.RIGHT, by=hill.technician, via="web")
    assert refused.value.code == "too_large"
    assert stream.tell() <= 5 * 1024 * 1024
    assert not stored()


def test_a_picture_of_too_many_pixels_is_refused_before_any_is_made(hill: Clinic, settings: Any) -> None:
    settings.RETINEYE_MAX_PIXELS = 720 * 480 - 1
    with pytest.raises(Unreadable) as refused:
        send(hill, add_exam(hill), picture())
    assert refused.value.code == "too_large"


def test_a_full_disk_leaves_nothing_behind(hill: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **options: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    exam = add_exam(hill)
    monkeypatch.setattr(default_storage, "save", full)
    with pytest.raises(StorageFailed) as refused:
        send(hill, exam, picture())
    assert "kept" in refused.value.advice
    assert not stored()
    assert not Photograph.objects.exists()


def test_a_database_that_refuses_the_row_leaves_no_file_behind(hill: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(photograph_id: object, *, via: str) -> None:
        raise RuntimeError("the queue is out of order")

    exam = add_exam(hill)
    monkeypatch.setattr(queue, "enqueue", refuse)
    with pytest.raises(RuntimeError):
        send(hill, exam, picture())
    assert not stored()
    assert not Photograph.objects.exists()


def test_a_connection_that_breaks_in_the_middle_leaves_nothing_behind(hill: Clinic, settings: Any) -> None:
    class Broken:
        def __init__(self) -> None:
            self.pieces = [picture()[:4000]]

        def read(self, size: int = -1, /) -> bytes:
            if not self.pieces:
                raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
            return self.pieces.pop()

    with pytest.raises(IntakeError):
        intake.receive(add_exam(hill), Broken(), eye=Eye.RIGHT, by=hill.technician, via="web")
    assert not stored()
    assert not list(Path(settings.FILE_UPLOAD_TEMP_DIR).glob("photograph-*"))


def test_a_stranger_can_not_send_into_another_clinic_s_exam(hill: Clinic, lake: Clinic) -> None:
    with pytest.raises(Exam.DoesNotExist):
        send(lake, add_exam(hill), picture())


def test_a_manager_can_not_send(hill: Clinic) -> None:
    exam = add_exam(hill)
    with pytest.raises(PermissionDenied):
        intake.receive(exam, BytesIO(picture()), eye=Eye.RIGHT, by=hill.manager, via="web")


def test_the_name_that_a_file_came_with_is_kept_nowhere(hill: Clinic) -> None:
    stream = BytesIO(picture())
    stream.name = "RUIZ_ANA_19680305_OD.jpg"
    photograph = intake.receive(add_exam(hill), stream, eye=Eye.RIGHT, by=hill.technician, via="web").photograph
    row = Photograph.objects.filter(pk=photograph.pk).values().get()
    assert "RUIZ" not in repr(row)
    assert not any("RUIZ" in str(path) for path in stored())
