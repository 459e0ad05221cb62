"""Files that come piece by piece: nothing is lost, nothing counts twice, and a person says which eye it is."""

import hashlib
import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from retineye.accounts.models import User
from retineye.clinic import archive, intake, pieces, uploads
from retineye.clinic.models import Exam, Eye, Field, Photograph, Upload
from retineye.clinic.pieces import Finished, NameSaysOtherEye, NotTaken
from retineye.clinic.sides import Source
from tests.cast import Clinic, add_exam, add_patient, picture
from tests.dicoms import as_bytes, photograph
from tests.photos import retina

PIECE = 10_000


def begin(user: User, exam: Exam, data: bytes, upload_id: UUID | None = None, **options: Any) -> Upload:
    """Begin an upload of these bytes."""
    return uploads.begin(user, exam, upload_id or uuid4(), size=len(data), **options)


def bring(user: User, exam: Exam, data: bytes, **options: Any) -> Upload:
    """Send a whole file in pieces."""
    upload = begin(user, exam, data, **options)
    for start in range(0, len(data), PIECE):
        uploads.append(user, upload, start, data[start : start + PIECE])
    return upload


def lying() -> list[Path]:
    """Give every file that lies beside the store."""
    from django.conf import settings

    return sorted((Path(settings.FILE_UPLOAD_TEMP_DIR) / "uploads").glob("*"))


def zipped(*files: tuple[str, bytes]) -> bytes:
    """Give an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, data in files:
            made.writestr(name, data)
    return out.getvalue()


def test_a_photograph_in_pieces_is_the_photograph_byte_for_byte(hill: Clinic) -> None:
    exam, data = add_exam(hill), picture()
    upload = bring(hill.technician, exam, data, eye=Eye.LEFT, sha256=hashlib.sha256(data).hexdigest())
    done = pieces.finish(hill.technician, upload, eye=Eye.LEFT, field=Field.DISC)
    assert done.received is not None
    kept = Photograph.objects.get()
    assert (kept.eye, kept.field, kept.via, kept.created_by_id) == ("left", "disc", "web", hill.technician.pk)
    with kept.original.open("rb") as stored:
        assert stored.read() == data
    assert lying() == []


def test_a_line_that_broke_goes_on_where_it_was(hill: Clinic) -> None:
    exam, data, upload_id = add_exam(hill), picture(), uuid4()
    upload = begin(hill.technician, exam, data, upload_id)
    uploads.append(hill.technician, upload, 0, data[:PIECE])
    again = begin(hill.technician, exam, data, upload_id)
    assert (again.pk, again.received) == (upload_id, PIECE)
    uploads.append(hill.technician, again, PIECE, data[PIECE:])
    assert pieces.finish(hill.technician, again, eye=Eye.RIGHT).received is not None
    assert Upload.objects.count() == 1


def test_a_piece_at_another_place_says_where_to_go_on(hill: Clinic) -> None:
    exam, data = add_exam(hill), picture()
    upload = begin(hill.technician, exam, data)
    uploads.append(hill.technician, upload, 0, data[:PIECE])
    for offset in (0, PIECE - 1, PIECE + 1):
        with pytest.raises(uploads.WrongOffset) as wrong:
            uploads.append(hill.technician, upload, offset, b"x")
        assert wrong.value.offset == PIECE


def test_the_same_piece_from_two_tabs_counts_once(hill: Clinic) -> None:
    exam, data = add_exam(hill), picture()
    upload = begin(hill.technician, exam, data)
    other = Upload.objects.get(pk=upload.pk)
    uploads.append(hill.technician, upload, 0, data[:PIECE])
    with pytest.raises(uploads.WrongOffset):
        uploads.append(hill.technician, other, 0, data[:PIECE])
    uploads.append(hill.technician, upload, PIECE, data[PIECE:])
    assert pieces.finish(hill.technician, upload, eye=Eye.RIGHT).received is not None


def test_an_answer_that_was_lost_is_given_again(hill: Clinic) -> None:
    upload = bring(hill.technician, add_exam(hill), picture())
    first = pieces.finish(hill.technician, upload, eye=Eye.RIGHT)
    again = pieces.finish(hill.technician, Upload.objects.get(pk=upload.pk), eye=Eye.RIGHT)
    assert first.received and again.received
    assert again.received.photograph.pk == first.received.photograph.pk
    assert Photograph.objects.count() == 1


def test_what_is_not_all_here_is_not_taken(hill: Clinic) -> None:
    upload = begin(hill.technician, add_exam(hill), picture())
    uploads.append(hill.technician, upload, 0, picture()[:PIECE])
    with pytest.raises(uploads.Incomplete):
        pieces.finish(hill.technician, upload, eye=Eye.RIGHT)


def test_what_was_damaged_on_the_way_begins_anew(hill: Clinic) -> None:
    exam, data = add_exam(hill), picture()
    upload = bring(hill.technician, exam, data, sha256=hashlib.sha256(b"something else").hexdigest())
    with pytest.raises(uploads.Changed):
        pieces.finish(hill.technician, upload, eye=Eye.RIGHT)
    assert begin(hill.technician, exam, data, upload.pk).received == 0


def test_bytes_that_somebody_cleared_away_are_asked_for_again(hill: Clinic) -> None:
    exam, data = add_exam(hill), picture()
    upload = bring(hill.technician, exam, data)
    uploads.place_of(upload).unlink()
    with pytest.raises(uploads.Gone):
        pieces.finish(hill.technician, upload, eye=Eye.RIGHT)
    assert begin(hill.technician, exam, data, upload.pk).received == 0


def test_nobody_elses_upload_is_seen_or_continued(hill: Clinic, lake: Clinic) -> None:
    exam, data = add_exam(hill), picture()
    upload = bring(hill.technician, exam, data)
    assert list(uploads.uploads_for(hill.technician)) == [upload]
    for stranger in (hill.doctor, lake.technician, lake.administrator):
        assert not uploads.uploads_for(stranger).exists()
        assert list(pieces.pieces_of(stranger, exam)) == []
        with pytest.raises(Exam.DoesNotExist):
            begin(stranger, exam, data, upload.pk)
    with pytest.raises(PermissionDenied):
        begin(hill.manager, exam, data)


def test_too_large_too_many_and_a_full_disk_are_said(hill: Clinic, settings: Any) -> None:
    exam = add_exam(hill)
    settings.RETINEYE_MAX_UPLOAD_BYTES = 1000
    with pytest.raises(uploads.TooLarge):
        begin(hill.technician, exam, bytes(1001))
    upload = begin(hill.technician, exam, bytes(10))
    with pytest.raises(uploads.TooLarge):
        uploads.append(hill.technician, upload, 0, bytes(11))
    for _ in range(uploads.MAX_OPEN_SETS - 1):
        begin(hill.technician, exam, bytes(1000))
    with pytest.raises(uploads.TooMany):
        begin(hill.technician, exam, bytes(1000))
    begin(hill.doctor, exam, bytes(1000))
    with (
        mock.patch("shutil.disk_usage", return_value=mock.Mock(free=1000)),
        pytest.raises(uploads.TooMany, match="disk"),
    ):
        begin(hill.doctor, exam, bytes(1000))


def test_after_two_days_an_upload_is_forgotten_and_one_at_work_is_not(hill: Clinic) -> None:
    exam, data = add_exam(hill), picture()
    old, new = bring(hill.technician, exam, data), bring(hill.technician, exam, data)
    Upload.objects.filter(pk=old.pk).update(touched_at=timezone.now() - timedelta(hours=49))
    assert uploads.expire(timezone.now()) == 1
    assert list(Upload.objects.all()) == [new]
    assert lying() == [uploads.place_of(new)]
    stray = uploads.place_of(old)
    stray.write_bytes(b"left by a process that died")
    assert uploads.expire(timezone.now()) == 0
    assert uploads.expire(timezone.now() + timedelta(hours=49)) == 2
    assert lying() == []


def test_a_photograph_of_no_known_eye_waits_for_a_person_with_a_guess(hill: Clinic) -> None:
    exam = add_exam(hill)
    upload = bring(hill.technician, exam, picture(), hint=Eye.LEFT)
    [piece] = pieces.finish(hill.technician, upload, eye=None).pieces
    assert (piece.guess.eye, piece.guess.source) == (Eye.LEFT, Source.NAME)
    assert [one.upload.pk for one in pieces.pieces_of(hill.technician, exam)] == [upload.pk]
    assert not Photograph.objects.exists()
    assert pieces.finish(hill.technician, upload, eye=Eye.LEFT).received is not None
    assert list(pieces.pieces_of(hill.technician, exam)) == []


def test_a_name_that_speaks_of_the_other_eye_blocks_until_a_person_decides(hill: Clinic) -> None:
    upload = bring(hill.technician, add_exam(hill), picture(), eye=Eye.RIGHT, hint=Eye.LEFT)
    with pytest.raises(NameSaysOtherEye) as asked:
        pieces.finish(hill.technician, upload, eye=Eye.RIGHT)
    assert asked.value.eye is Eye.LEFT
    done = pieces.finish(hill.technician, upload, eye=Eye.RIGHT, confirmed={intake.Question.OTHER_EYE})
    assert done.received and done.received.photograph.eye == "right"


def test_an_archive_becomes_its_photographs_each_with_a_guess(hill: Clinic) -> None:
    exam = add_exam(hill)
    data = zipped(
        ("visit/OD/macula.jpg", picture(1)),
        ("visit/OS/disc.jpg", picture(2)),
        ("visit/3.jpg", picture(3)),
        ("letter.txt", b"Dear colleague"),
        ("more.zip", zipped(("4.jpg", picture(4)))),
        ("empty.jpg", b""),
    )
    done = pieces.finish(hill.technician, bring(hill.technician, exam, data), eye=None)
    assert [(piece.guess.eye, piece.field, piece.upload.number) for piece in done.pieces] == [
        (Eye.RIGHT, Field.MACULA, 1),
        (Eye.LEFT, Field.DISC, 2),
        (None, Field.UNKNOWN, 3),
    ]
    assert [name for name, _ in done.left_out] == ["letter.txt", "more.zip", "empty.jpg"]
    assert all(why for _, why in done.left_out)
    for piece in done.pieces:
        pieces.finish(hill.technician, piece.upload, eye=piece.guess.eye or Eye.LEFT, field=piece.field)
    assert sorted(Photograph.objects.values_list("eye", "field")) == [
        ("left", "disc"),
        ("left", "unknown"),
        ("right", "macula"),
    ]
    assert lying() == []


def test_an_archive_is_taken_apart_once(hill: Clinic) -> None:
    exam = add_exam(hill)
    upload = bring(hill.technician, exam, zipped(("OD.jpg", picture(1)), ("OS.jpg", picture(2))))
    first = pieces.finish(hill.technician, upload, eye=None)
    again = pieces.finish(hill.technician, Upload.objects.get(pk=upload.pk), eye=None)
    assert {piece.upload.pk for piece in first.pieces} == {piece.upload.pk for piece in again.pieces}
    assert Upload.objects.filter(number__isnull=False).count() == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (zipped(("letter.txt", b"Dear colleague")), "archive_empty"),
        (zipped(("1.jpg", picture(1)))[:-30], "archive_damaged"),
    ],
    ids=["no photograph", "damaged"],
)
def test_an_archive_that_is_not_taken_leaves_nothing_but_itself(hill: Clinic, data: bytes, code: str) -> None:
    upload = bring(hill.technician, add_exam(hill), data)
    with pytest.raises(NotTaken) as refused:
        pieces.finish(hill.technician, upload, eye=None)
    assert refused.value.code == code
    assert lying() == [uploads.place_of(upload)]
    uploads.leave_out(upload)
    assert lying() == []


def test_of_a_bomb_among_photographs_none_stays(hill: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_TIMES", 0)
    monkeypatch.setattr(archive, "_FREE", len(picture(1)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("1.jpg", picture(1))
        made.writestr("2.bmp", bytes(len(picture(1)) + 1))
    upload = bring(hill.technician, add_exam(hill), out.getvalue())
    with pytest.raises(NotTaken):
        pieces.finish(hill.technician, upload, eye=None)
    assert Upload.objects.count() == 1
    assert lying() == [uploads.place_of(upload)]


def test_a_dicom_file_with_several_photographs_is_taken_apart(hill: Clinic) -> None:
    exam = add_exam(hill, add_patient(hill))
    now = timezone.localtime().strftime("%Y%m%d%H%M%S")
    data = as_bytes(photograph(np.stack([retina(seed=1), retina(seed=2)]), eye="L", AcquisitionDateTime=now))
    done: Finished = pieces.finish(hill.technician, bring(hill.technician, exam, data), eye=None)
    assert [(piece.guess.eye, piece.guess.source) for piece in done.pieces] == [(Eye.LEFT, Source.FILE)] * 2
    for piece in done.pieces:
        pieces.finish(hill.technician, piece.upload, eye=Eye.LEFT)
    assert list(Photograph.objects.values_list("eye", "mime")) == [("left", "application/dicom")] * 2
