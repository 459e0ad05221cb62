"""What lies in a watched folder is taken when it is whole, filed only beyond doubt, and else laid aside."""

import io
import os
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.utils import timezone

from retineye.clinic.arrivals import ArrivalLost, assign, file_next, tray_for
from retineye.clinic.exams import create_exam
from retineye.clinic.models import Arrival, Exam, Eye, Patient, Photograph, Sender
from retineye.clinic.patients import create_patient
from retineye.clinic.senders import add_sender, allow_sender
from retineye.exchange.inbox import taking
from retineye.exchange.inbox.watch import Watched, WatchError, open_inbox, open_inboxes
from tests import dicoms
from tests.cast import Clinic, picture
from tests.dicoms import as_bytes, photograph

TODAY = timezone.localdate()
DAY = TODAY.strftime("%Y%m%d")


class Box:
    """An inbox whose clock the test turns."""

    def __init__(self, folder: Path, sender: Sender, more: str = "") -> None:
        self.folder = folder
        self.said: list[str] = []
        folder.mkdir(exist_ok=True)
        self.rules(sender, more)
        self.watched: Watched = open_inbox(folder, self.said.append)
        self.now_s = 0.0

    def rules(self, sender: Sender, more: str = "", pattern: str = "{patient}_{eye}_{date}") -> None:
        text = f'sender = "{sender.pk}"\nsettle_s = 5\n{more}\n[patterns]\nfundus45 = "{pattern}"\n'
        (self.folder / "inbox.toml").write_text(text, encoding="utf-8")

    def put(self, name: str, data: bytes) -> Path:
        path = self.folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def look(self, after_s: float = 0.0) -> int:
        self.now_s += after_s
        return self.watched.round(self.now_s, timezone.now())

    def take(self) -> int:
        """Look twice, with enough time between, and file what came."""
        gone = self.look() + self.look(6)
        while file_next(timezone.now()):
            continue
        return gone

    def names(self, part: str) -> list[str]:
        root = self.folder / part
        return sorted(str(one.relative_to(root)) for one in root.rglob("*") if not one.is_dir() or one.is_symlink())

    def reason(self, name: str) -> str:
        return (self.folder / "quarantine" / TODAY.isoformat() / f"{name}.reason.txt").read_text("utf-8")


@pytest.fixture()
def share(hill: Clinic) -> Sender:
    return add_sender(hill.administrator, "Share in room 2")


@pytest.fixture()
def box(share: Sender, tmp_path: Path) -> Box:
    return Box(tmp_path / "hill", share)


@pytest.fixture()
def ana(hill: Clinic) -> Patient:
    return create_patient(hill.technician, name="Ana Ruiz", birth_date=date(1968, 3, 5), local_id="A-17")


@pytest.fixture()
def visit(hill: Clinic, ana: Patient) -> Exam:
    return create_exam(hill.technician, ana)


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_a_photograph_goes_into_the_visit_that_its_name_says(box: Box, visit: Exam) -> None:
    box.put(f"A-17_OD_{DAY}.jpg", picture())
    assert box.take() == 1
    photo = Photograph.objects.get()
    assert (photo.exam, photo.eye, photo.via) == (visit, Eye.RIGHT, "folder")
    with photo.original.open("rb") as file:
        assert file.read() == picture()
    assert box.names("done") == [f"{TODAY}/A-17_OD_{DAY}.jpg"]
    assert (box.names("in"), box.names("quarantine")) == ([], [])
    arrival = Arrival.objects.get()
    assert (arrival.state, arrival.file_name, arrival.patient_id) == (Arrival.State.FILED, "", "")


def test_a_number_alone_is_enough_only_where_the_patient_is_expected_that_day(
    box: Box, hill: Clinic, ana: Patient
) -> None:
    box.put(f"A-17_OD_{DAY}.jpg", picture())
    box.take()
    arrival = Arrival.objects.get()
    assert (arrival.state, arrival.reason) == (Arrival.State.TO_ASSIGN, Arrival.Reason.QUESTION)
    assert not Exam.objects.exists()
    exam = create_exam(hill.technician, ana)
    assign(hill.technician, arrival, exam, Eye.RIGHT)
    assert Photograph.objects.get().exam == exam


def test_number_and_name_or_birth_date_open_the_visit(box: Box, share: Sender, ana: Patient) -> None:
    box.rules(share, pattern="{patient}_{name}_{eye}_{date}")
    box.put(f"A-17_Ana+Ruiz_R_{DAY}.jpg", picture())
    box.put(f"A-17_Karl+Lind_L_{DAY}.jpg", picture(2))
    box.take()
    assert Photograph.objects.get().exam.patient == ana
    assert Arrival.objects.get(state=Arrival.State.TO_ASSIGN).reason == Arrival.Reason.OTHER_NAME


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (f"B-9_OD_{DAY}.jpg", Arrival.Reason.NO_PATIENT),
        ("IMG_0001.jpg", Arrival.Reason.NO_PATTERN),
        (f"A-17_OU_{DAY}.jpg", Arrival.Reason.NO_PATTERN),
    ],
)
def test_what_can_not_be_matched_waits_for_a_person(
    box: Box, visit: Exam, hill: Clinic, name: str, reason: Arrival.Reason
) -> None:
    box.put(name, picture())
    assert box.take() == 1
    (arrival,) = tray_for(hill.technician)
    assert (arrival.reason, arrival.file_name) == (reason, name)
    assert not Photograph.objects.exists()
    assert box.names("done") == [f"{TODAY}/{name}"]
    assign(hill.technician, arrival, visit, Eye.LEFT)
    arrival.refresh_from_db()
    assert (Photograph.objects.get().eye, arrival.file_name) == (Eye.LEFT, "")


def test_a_name_that_can_be_read_in_two_ways_waits_for_a_person(box: Box, share: Sender, visit: Exam) -> None:
    box.rules(share, pattern="{patient}_{eye}_{any}")
    box.put("A-17_OD_OS_x.jpg", picture())
    box.take()
    assert Arrival.objects.get().reason == Arrival.Reason.SEVERAL_PATTERNS


def test_dicom_is_matched_by_its_tags_whatever_it_is_called(box: Box, ana: Patient) -> None:
    one = photograph(AcquisitionDateTime=f"{DAY}101500", eye="L")
    box.put("00000001.dcm", as_bytes(one))
    box.take()
    assert (Photograph.objects.get().eye, Photograph.objects.get().exam.patient) == (Eye.LEFT, ana)


@pytest.mark.parametrize("name", [f"A-17_OD_{DAY}.dcm", f"B-9_OS_{DAY}.dcm"])
def test_dicom_whose_name_says_another_patient_or_eye_waits_for_a_person(box: Box, ana: Patient, name: str) -> None:
    box.put(name, as_bytes(photograph(AcquisitionDateTime=f"{DAY}101500", eye="L")))
    box.take()
    assert Arrival.objects.get().reason == Arrival.Reason.NAME_AND_FILE
    assert not Photograph.objects.exists()


def test_nothing_is_taken_before_it_stands_still(box: Box, visit: Exam) -> None:
    path = box.put(f"A-17_OD_{DAY}.jpg", picture()[:500])
    assert box.look() == 0
    path.write_bytes(picture())
    os.utime(path, ns=(1, 1))
    assert box.look(6) == 0
    assert box.look(4) == 0
    assert box.look(1) == 1


def test_a_picture_without_its_end_is_waited_for(box: Box, visit: Exam) -> None:
    path = box.put(f"A-17_OD_{DAY}.jpg", picture()[:-2000])
    box.look()
    assert box.look(60) == 0
    path.write_bytes(picture())
    assert box.take() == 1
    assert Photograph.objects.count() == 1


def test_an_archive_whose_directory_is_not_there_yet_is_waited_for_and_in_the_end_laid_aside(
    box: Box, visit: Exam
) -> None:
    whole = zipped({f"A-17_OD_{DAY}.jpg": picture()})
    box.put("export.zip", whole[:-30])
    box.look()
    assert box.look(600) == 0
    assert box.look(301) == 1
    assert box.names("quarantine") == [f"{TODAY}/export.zip", f"{TODAY}/export.zip.reason.txt"]
    assert "damaged" in box.reason("export.zip")
    assert not Arrival.objects.exists()


@pytest.mark.parametrize("ending", [".part", ".tmp", ".crdownload", ".PARTIAL"])
def test_what_a_program_is_still_writing_is_not_touched(box: Box, visit: Exam, ending: str) -> None:
    box.put(f"A-17_OD_{DAY}.jpg{ending}", picture())
    box.put(f"A-17_OS_{DAY}.jpg", picture(2))
    box.put(f"A-17_OS_{DAY}.jpg{ending}", b"")
    assert box.take() == 0
    assert len(box.names("in")) == 3
    (box.folder / "in" / f"A-17_OS_{DAY}.jpg{ending}").unlink()
    assert box.take() == 1


def test_hidden_files_and_litter_stay_where_they_are(box: Box, visit: Exam) -> None:
    for name in (f".A-17_OD_{DAY}.jpg", f".cache/A-17_OD_{DAY}.jpg", "Thumbs.db", "~$x.jpg"):
        box.put(name, picture())
    assert box.take() == 0
    assert len(box.names("in")) == 4
    assert not Arrival.objects.exists()


def test_links_are_laid_aside_and_what_they_point_to_is_not_read(box: Box, visit: Exam, tmp_path: Path) -> None:
    secret = tmp_path / f"A-17_OD_{DAY}.jpg"
    secret.write_bytes(picture())
    (box.folder / "in" / "link.jpg").symlink_to(secret)
    (box.folder / "in" / "folder").symlink_to(tmp_path)
    os.link(secret, box.folder / "in" / f"A-17_OD_{DAY}.jpg")
    os.mkfifo(box.folder / "in" / "pipe.jpg")
    assert box.take() == 4
    assert not Arrival.objects.exists()
    assert secret.read_bytes() == picture()
    assert (box.folder / "quarantine" / TODAY.isoformat() / "link.jpg").is_symlink()
    assert "link" in box.reason("link.jpg")
    assert "link" in box.reason("pipe.jpg")


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("notes.txt", b"hello", "JPEG"),
        (f"A-17_OD_{DAY}.jpg", b"\xff\xd8\xff\xe0 nothing more \xff\xd9", "Not taken"),
        ("oct.dcm", as_bytes(photograph(sop_class=dicoms.OCT)), "tomograms"),
    ],
)
def test_what_is_no_photograph_is_laid_aside_with_the_reason(box: Box, name: str, data: bytes, why: str) -> None:
    box.put(name, data)
    assert box.take() == 1
    assert box.names("quarantine") == [f"{TODAY}/{name}", f"{TODAY}/{name}.reason.txt"]
    assert why in box.reason(name)
    assert not Arrival.objects.exists()


def test_an_empty_file_is_laid_aside_when_nothing_more_comes(box: Box) -> None:
    box.put("a.jpg", b"")
    box.look()
    assert box.look(60) == 0
    assert box.look(900) == 1
    assert "empty" in box.reason("a.jpg")


def test_a_huge_file_is_not_read(box: Box, settings: Any) -> None:
    settings.RETINEYE_MAX_UPLOAD_BYTES = 1000
    box.put(f"A-17_OD_{DAY}.jpg", picture())
    box.take()
    assert "more than this service accepts" in box.reason(f"A-17_OD_{DAY}.jpg")


def test_a_vendors_archive_is_taken_apart(box: Box, visit: Exam) -> None:
    files = {
        f"export/A-17_OD_{DAY}.jpg": picture(),
        f"export/A-17_OS_{DAY}.jpg": picture(2),
        "export/unknown.jpg": picture(3),
        "export/report.xml": b"<report/>",
        "__MACOSX/.x": b"x",
    }
    box.put("2026/export.zip", zipped(files))
    assert box.take() == 1
    assert {(one.exam, one.eye) for one in Photograph.objects.all()} == {(visit, Eye.RIGHT), (visit, Eye.LEFT)}
    waiting = Arrival.objects.get(state=Arrival.State.TO_ASSIGN)
    assert waiting.file_name == "2026/export/export/unknown.jpg"
    beside = f"{TODAY}/2026/export.zip.reason.txt"
    assert box.names("done") == [f"{TODAY}/2026/export.zip", beside]
    assert "report.xml" in (box.folder / "done" / beside).read_text()


def bomb() -> bytes:
    return zipped({f"A-17_OD_{DAY}.jpg": picture(), "b.jpg": b"\0" * 30_000_000})


def nested() -> bytes:
    return zipped({"a.zip": zipped({"a.jpg": picture()})})


def outside() -> bytes:
    return zipped({"../../A-17_OD.jpg": picture()})


def without() -> bytes:
    return zipped({"readme.txt": b"x"})


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (bomb, "unpacks to more"), (nested, "inside an archive"), (outside, "leads out"), (without, "no photograph"),
    ],
)  # fmt: skip
def test_archives_that_can_not_be_trusted_are_laid_aside(
    box: Box, visit: Exam, make: Callable[[], bytes], why: str
) -> None:
    box.put("export.zip", make())
    assert box.take() == 1
    assert why in box.reason("export.zip")
    # Of a bomb not even the photograph before it is kept.
    assert not Arrival.objects.exists()


def test_an_archive_with_one_file_that_is_not_opened_is_laid_aside_and_the_others_are_taken(
    box: Box, visit: Exam
) -> None:
    files = {f"A-17_OD_{DAY}.jpg": picture(), "inner.zip": nested()}
    box.put("export.zip", zipped(files))
    box.take()
    assert "1 photographs of this archive were taken." in box.reason("export.zip")
    assert "inner.zip" in box.reason("export.zip")
    assert Photograph.objects.count() == 1


def test_the_same_file_twice_is_one_photograph(box: Box, visit: Exam) -> None:
    for _ in range(2):
        box.put(f"A-17_OD_{DAY}.jpg", picture())
        assert box.take() == 1
    assert Photograph.objects.count() == Arrival.objects.count() == 1
    assert box.names("done") == [f"{TODAY}/A-17_OD_{DAY} (2).jpg", f"{TODAY}/A-17_OD_{DAY}.jpg"]


@pytest.mark.parametrize("name", [f"B-9_OD_{DAY}.jpg", f"A-17_OS_{DAY}.jpg"])
@pytest.mark.parametrize("filed", [True, False])
def test_the_same_bytes_for_another_patient_or_eye_are_laid_aside(
    box: Box, hill: Clinic, visit: Exam, name: str, filed: bool
) -> None:
    if not filed:
        Exam.objects.all().delete()
    box.put(f"A-17_OD_{DAY}.jpg", picture())
    box.take()
    box.put(name, picture())
    box.take()
    assert "another patient or the other eye" in box.reason(name)
    assert Arrival.objects.count() == 1
    # The same bytes with the same meaning are no news.
    box.put(f"again/A-17_OD_{DAY}.jpg", picture())
    assert box.take() == 1
    assert f"{TODAY}/again/A-17_OD_{DAY}.jpg" in box.names("done")


def test_a_better_name_for_what_waits_in_the_tray_contradicts_nothing(box: Box, visit: Exam, hill: Clinic) -> None:
    box.put("IMG_0001.jpg", picture())
    box.take()
    box.put(f"A-17_OD_{DAY}.jpg", picture())
    box.take()
    assert len(box.names("done")) == 2
    assert tray_for(hill.technician).count() == 1


@pytest.mark.parametrize("error", [ArrivalLost("full"), DatabaseError("away"), PermissionDenied("no")])
def test_where_the_store_does_not_answer_the_file_stays_and_is_taken_later(
    box: Box, visit: Exam, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise error

    box.put(f"A-17_OD_{DAY}.jpg", picture())
    box.look()
    with monkeypatch.context() as patched:
        patched.setattr(taking, "keep", fail)
        with pytest.raises(type(error)):
            box.look(6)
    assert len(box.names("in")) == 1
    assert box.take() == 1


def test_a_file_that_can_not_be_moved_keeps_nobody_waiting(
    box: Box, visit: Exam, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.put(f"A-17_OD_{DAY}.jpg", picture())
    box.put(f"A-17_OS_{DAY}.jpg", picture(2))
    move = taking._move

    def fail(found: Any, folder: Path, text: str) -> None:
        if "_OD_" in found.relative:
            raise OSError("read-only")
        move(found, folder, text)

    box.look()
    with monkeypatch.context() as patched:
        patched.setattr(taking, "_move", fail)
        assert box.look(6) == 1
    assert box.take() == 1
    assert Photograph.objects.count() == 2


def test_wrong_rules_stop_the_inbox_with_the_reason_until_they_are_mended(
    box: Box, share: Sender, visit: Exam, hill: Clinic
) -> None:
    box.put(f"A-17_OD_{DAY}.jpg", picture())
    box.rules(share, pattern="{eye}")
    assert box.take() == 0
    assert "needs {patient} or {order}" in box.said[-1]
    box.rules(share)
    allow_sender(hill.administrator, share, False)
    assert box.take() == 0
    assert "shut out" in box.said[-1]
    allow_sender(hill.administrator, share, True)
    assert box.take() == 1
    assert "watched again" in box.said[-1]


def test_what_was_taken_long_ago_is_deleted_from_done(box: Box, visit: Exam) -> None:
    box.put(f"A-17_OD_{DAY}.jpg", picture())
    box.take()
    box.watched.forget(TODAY + timedelta(days=30))
    assert box.names("done")
    box.watched.forget(TODAY + timedelta(days=31))
    assert not box.names("done")


def test_one_process_watches_an_inbox_and_no_inbox_lies_in_another(box: Box, share: Sender, settings: Any) -> None:
    say = box.said.append
    (first,) = open_inboxes([box.folder], say)
    with pytest.raises(WatchError, match="by another process"):
        open_inboxes([box.folder], say)
    inner = Box(box.folder / "in" / "inner", share)
    with pytest.raises(WatchError, match="lies in another inbox"):
        open_inboxes([box.folder, inner.folder], say)
    with pytest.raises(WatchError, match="is no folder"):
        open_inboxes([box.folder / "nowhere"], say)
    first.release()
    (again,) = open_inboxes([box.folder], say)
    again.release()


def test_a_clinic_gets_only_what_lies_in_its_own_inbox(box: Box, lake: Clinic, ana: Patient, tmp_path: Path) -> None:
    other = Box(tmp_path / "lake", add_sender(lake.administrator, "Share"))
    other.put(f"A-17_OD_{DAY}.jpg", picture())
    other.take()
    (arrival,) = tray_for(lake.technician)
    assert (arrival.organisation, arrival.reason) == (lake.organisation, Arrival.Reason.NO_PATIENT)
