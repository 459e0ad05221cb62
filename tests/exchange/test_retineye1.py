"""Everything comes over from the first RetinEye once, its faults are named, and no plain password is touched."""

import io
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from retineye.accounts.audit import Action
from retineye.accounts.models import AuditEvent, Invitation, Organisation, Role, User
from retineye.clinic.earlier import earlier_for, file_as
from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import EarlierRecord, Eye, Patient, State
from retineye.clinic.patients import find_patients
from retineye.exchange.retineye1.rows import Kind, document, kind_of
from tests.cast import Clinic, picture
from tests.exchange import mongo
from tests.photos import encode, retina


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Have a server with a first RetinEye in it."""
    with mongo.served(tmp_path_factory.mktemp("retineye1")) as address:
        mongo.fill(address)
        yield address


@pytest.fixture()
def media(tmp_path: Path) -> Path:
    """Have its folder of pictures: one whole, one overwritten by a thumbnail, one broken, and one outside."""
    folder = tmp_path / "media"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "ruiz_OD.jpg").write_bytes(picture(1))
    (folder / "images" / "okoro.jpg").write_bytes(encode(retina(seed=2)[::4, ::4], "JPEG", quality=90))
    (folder / "images" / "broken.jpg").write_bytes(picture(3)[:2000])
    (tmp_path / "secret.jpg").write_bytes(picture(4))
    return folder


def bring(uri: str, media: Path, *more: str) -> str:
    """Run the command, and give what it says."""
    said = io.StringIO()
    call_command("import_retineye1", "--mongo-uri", uri, "--media", str(media), *more, stdout=said)
    return said.getvalue()


def test_hospitals_patients_photographs_and_results_come_over(db: None, uri: str, media: Path) -> None:
    bring(uri, media)
    assert set(Organisation.objects.values_list("name", flat=True)) == {"Harbour Eye Clinic", "Valley Hospital"}
    ana = Patient.objects.get(name="Ana Ruiz")
    assert (ana.organisation.name, ana.birth_year, ana.sex, ana.phone) == (
        "Harbour Eye Clinic",
        1968,
        "female",
        "0700 1",
    )
    assert list(ana.identifiers.values_list("system", "value")) == [("RetinEye 1", "42")]
    record = ana.earlier.get()
    assert (record.said, record.grade, record.happened_on) == ("2", 2, date(2021, 5, 4))
    assert (record.eye, record.thumbnail_only) == (Eye.RIGHT, False)
    with record.picture.open("rb") as file:
        assert file.read() == picture(1)
    assert Patient.objects.get(name="Ben Okoro").birth_date == date(1960, 2, 3)


def test_a_doctor_leads_to_the_hospital_and_a_result_of_its_own_to_the_patient(db: None, uri: str, media: Path) -> None:
    bring(uri, media)
    chen = Patient.objects.get(name="Chen")
    assert chen.organisation.name == "Valley Hospital"
    found = list(chen.earlier.order_by("happened_on").values_list("said", "grade", "happened_on"))
    assert found == [("Proliferative DR", 4, date(2021, 5, 4)), ("1", 1, date(2022, 1, 9))]


def test_its_faults_are_named_by_keys_and_never_by_names(db: None, uri: str, media: Path) -> None:
    said = bring(uri, media)
    keys = {one["name"]: str(one["_id"]) for one in mongo.PATIENTS}
    assert "2 patients share the number 42" in said
    assert f"Photographs that are not in the folder: 2\n  patient {keys['Chen']}\n  patient {keys['Eva Lind']}" in said
    assert f"Photographs that can not be read: 1\n  patient {keys['Dia Sow']}" in said
    assert "1 whole, 1 thumbnails only" in said
    assert (
        f"several patients share its number, so nobody knows whose it is: 1\n  result {mongo.RESULTS[1]['_id']}" in said
    )
    assert f"its patient is not there: 1\n  result {mongo.RESULTS[2]['_id']}" in said
    assert f"its hospital is not known: name a clinic for such ones with --clinic: 1\n  patient {keys['Finn']}" in said
    assert "it has no name: 1" in said
    assert "Not read: django_session (1 documents)" in said
    assert not [name for name in ("Ana", "Okoro", "Chen", "Dr Lee") if name in said]


def test_a_shared_number_makes_no_two_people_one(db: None, uri: str, media: Path) -> None:
    bring(uri, media)
    assert Patient.objects.filter(identifiers__value="42").count() == 2
    assert Patient.objects.get(name="Ben Okoro").earlier.get().grade is None


def test_no_picture_comes_from_outside_the_folder(db: None, uri: str, media: Path) -> None:
    bring(uri, media)
    assert not Patient.objects.get(name="Eva Lind").earlier.get().picture


def test_staff_are_invited_and_their_plain_passwords_stay_where_they_are(
    db: None, uri: str, media: Path, tmp_path: Path
) -> None:
    links = tmp_path / "links.tsv"
    said = bring(uri, media, "--links", str(links), "--site", "https://eyes.example/")
    invited = {one.email: (one.organisation.name, one.role) for one in Invitation.objects.all()}
    assert invited == {
        "lee@harbour.example": ("Harbour Eye Clinic", Role.ADMINISTRATOR),
        "mora@harbour.example": ("Harbour Eye Clinic", Role.DOCTOR),
        "paz@valley.example": ("Valley Hospital", Role.ADMINISTRATOR),
    }
    assert not User.objects.exists()
    written = links.read_text(encoding="utf-8")
    assert written.count("https://eyes.example/join/") == 3
    assert stat.S_IMODE(links.stat().st_mode) == 0o600
    assert "/join/" not in said
    assert "no e-mail address: invite this person by hand: 1" in said
    assert "letmein" not in said + written


def test_a_second_run_brings_nothing_twice_and_touches_nothing(db: None, uri: str, media: Path) -> None:
    bring(uri, media)
    patient = Patient.objects.get(name="Ana Ruiz")
    Patient.objects.filter(pk=patient.pk).update(name="Ana Ruiz Soto")
    counts = [model.objects.count() for model in (Organisation, Invitation, Patient, EarlierRecord, AuditEvent)]
    said = bring(uri, media)
    assert [model.objects.count() for model in (Organisation, Invitation, Patient, EarlierRecord, AuditEvent)] == counts
    patient.refresh_from_db()
    assert patient.name == "Ana Ruiz Soto"
    assert f"{'patient':12}{7:8}{0:8}{5:8}" in said
    assert "0 whole, 0 thumbnails" in said


def test_a_run_that_broke_off_goes_on_where_it_stopped(
    db: None, uri: str, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*args: Any) -> None:
        raise ConnectionError("the line was cut")

    with monkeypatch.context() as patch:
        patch.setattr("retineye.exchange.retineye1.importing.keep", cut)
        with pytest.raises(ConnectionError):
            bring(uri, media)
    assert not EarlierRecord.objects.exists()
    bring(uri, media)
    assert Patient.objects.count() == 5
    assert EarlierRecord.objects.count() == 5


def test_who_was_erased_here_does_not_come_back(db: None, uri: str, media: Path) -> None:
    bring(uri, media)
    Patient.objects.get(name="Ana Ruiz").delete()
    said = bring(uri, media)
    assert not Patient.objects.filter(name="Ana Ruiz").exists()
    assert "it was brought before, and erased here since: 1" in said


def test_everything_may_go_into_one_clinic(hill: Clinic, uri: str, media: Path) -> None:
    bring(uri, media, "--clinic", "Hill Clinic")
    assert list(Organisation.objects.all()) == [hill.organisation]
    assert [one.name for one in find_patients(hill.technician, "Finn")] == ["Finn"]
    # The clinic has an administrator, so nobody else becomes one.
    assert set(Invitation.objects.values_list("role", flat=True)) == {Role.DOCTOR}


def test_a_whole_photograph_is_graded_once_a_person_has_said_which_eye_it_shows(
    hill: Clinic, lake: Clinic, uri: str, media: Path
) -> None:
    bring(uri, media, "--clinic", "Hill Clinic")
    record = EarlierRecord.objects.get(patient__name="Ana Ruiz")
    photograph = file_as(hill.technician, record, Eye.LEFT)
    assert (photograph.eye, photograph.exam.taken_on) == (Eye.LEFT, date(2021, 5, 4))
    grade_photograph(photograph.pk)
    photograph.refresh_from_db()
    assert photograph.state in (State.GRADED, State.UNGRADABLE)
    with pytest.raises(ValidationError, match="already"):
        file_as(hill.technician, record, Eye.LEFT)
    with pytest.raises(EarlierRecord.DoesNotExist):
        file_as(lake.technician, record, Eye.LEFT)
    assert not earlier_for(lake.doctor).exists()


def test_a_thumbnail_is_never_graded(hill: Clinic, uri: str, media: Path) -> None:
    bring(uri, media, "--clinic", "Hill Clinic")
    record = EarlierRecord.objects.get(patient__name="Ben Okoro")
    assert record.thumbnail_only
    with pytest.raises(ValidationError, match="thumbnail"):
        file_as(hill.technician, record, Eye.RIGHT)


def test_all_that_came_is_in_the_audit_without_a_name(db: None, uri: str, media: Path) -> None:
    bring(uri, media)
    events = AuditEvent.objects.filter(action=Action.IMPORTED)
    assert {event.object_type for event in events} == {"organisation", "patient", "earlier"}
    assert "Ana" not in str([event.detail for event in events])


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--database", "nothing-here"), "no database named"),
        (("--clinic", "No Such Clinic"), "no single clinic"),
        (("--collection", "app_doctor"), "two names"),
        (("--collection", "app_doctor=wizard"), "Not known: wizard"),
        (("--field", "patient.shoe=size"), "Not known: patient.shoe"),
    ],
)
def test_a_wrong_option_is_answered_with_what_to_do(
    db: None, uri: str, media: Path, more: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        bring(uri, media, *more)
    assert not Organisation.objects.exists()


def test_a_server_that_does_not_answer_is_named_without_its_password(
    db: None, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retineye.exchange.retineye1.source._ANSWER_MS", 200)
    with pytest.raises(CommandError, match="did not answer") as caught:
        bring("mongodb://someone:secret@127.0.0.1:9/", media)
    assert "secret" not in str(caught.value)


def test_other_names_for_collections_and_fields_can_be_given(db: None, uri: str, media: Path) -> None:
    said = bring(uri, media, "--collection", "app_doctor=hospital", "--field", "hospital.name=id")
    assert set(Organisation.objects.values_list("name", flat=True)) == {"1", "2", "57", "8", "9"}
    assert "staff" in said


@pytest.mark.parametrize(
    ("said", "grade"), [(2, 2), ("3", 3), (4.0, 4), ("Mild", 1), ("No DR", 0), ("-", None), (7, None), (True, None)]
)
def test_an_old_result_means_a_grade_or_nothing(said: object, grade: int | None) -> None:
    assert document(Kind.RESULT, {"_id": "x", "result": said}, {}).grade == grade


@pytest.mark.parametrize(
    ("name", "kind"),
    [("app_patient", Kind.PATIENT), ("Doctors", Kind.STAFF), ("auth_user", None), ("main_hospital", Kind.HOSPITAL)],
)
def test_a_collection_is_known_by_the_last_word_of_its_name(name: str, kind: Kind | None) -> None:
    assert kind_of(name) is kind
