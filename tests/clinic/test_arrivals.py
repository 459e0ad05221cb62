"""What machines bring is safe first, and filed only where number, name and side leave no doubt."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from retineye.clinic import arrivals
from retineye.clinic.arrivals import assign, file_next, keep, set_aside, tray_for
from retineye.clinic.exams import create_exam
from retineye.clinic.intake import Question
from retineye.clinic.matching import Unmatched, order_of
from retineye.clinic.models import Arrival, Exam, Eye, Patient, PatientIdentifier, Photograph, Sender
from retineye.clinic.patients import create_patient
from retineye.clinic.senders import add_sender
from retineye.grading.errors import NotAPhotographError
from tests import dicoms
from tests.cast import Clinic
from tests.dicoms import as_bytes, photograph
from tests.photos import retina

TODAY = timezone.localdate()
TAKEN = datetime.now(tz=UTC).strftime("%Y%m%d%H%M%S")


def made(**attributes: Any) -> bytes:
    return as_bytes(photograph(**{"AcquisitionDateTime": TAKEN, **attributes}))


@pytest.fixture()
def camera(hill: Clinic) -> Sender:
    return add_sender(hill.administrator, "Camera in room 2", "CAMERA2")


@pytest.fixture()
def ana(hill: Clinic) -> Patient:
    return create_patient(hill.technician, name="Ana Ruiz", birth_date=date(1968, 3, 5), local_id="A-17")


def bring(camera: Sender, data: bytes) -> Arrival:
    arrival = keep(data, by=camera.acts_as, via="dicom", sender=camera).arrival
    assert file_next(timezone.now())
    arrival.refresh_from_db()
    return arrival


def test_a_photograph_goes_to_the_patient_and_the_eye_that_it_names(camera: Sender, ana: Patient) -> None:
    data = made(eye="L")
    arrival = bring(camera, data)
    photo = Photograph.objects.get()
    assert (photo.exam.patient, photo.eye, photo.via, photo.mime) == (ana, Eye.LEFT, "dicom", "application/dicom")
    assert (arrival.state, arrival.exam) == (Arrival.State.FILED, photo.exam)
    assert photo.exam.taken_on == TODAY
    with photo.original.open("rb") as file:
        assert file.read() == data
    # What the file said of the patient lies in one place alone.
    assert (arrival.patient_name, arrival.patient_id, arrival.file.name) == ("", "", "")


def test_both_eyes_come_into_one_exam(camera: Sender, ana: Patient) -> None:
    bring(camera, made(eye="R"))
    bring(camera, made(eye="L", seed=2))
    assert Exam.objects.count() == 1


def test_the_exam_of_the_day_is_used(camera: Sender, ana: Patient, hill: Clinic) -> None:
    exam = create_exam(hill.technician, ana)
    assert bring(camera, made()).exam == exam


def test_the_order_leads_to_its_exam(camera: Sender, ana: Patient, hill: Clinic) -> None:
    create_exam(hill.technician, ana)
    second = create_exam(hill.technician, ana)
    assert bring(camera, made(AccessionNumber=order_of(second))).exam == second


def test_the_same_file_twice_is_one_arrival_and_one_photograph(camera: Sender, ana: Patient) -> None:
    data = made()
    bring(camera, data)
    again = keep(data, by=camera.acts_as, via="dicom", sender=camera)
    assert not again.created
    assert not file_next(timezone.now())
    assert Photograph.objects.count() == 1


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"PatientID": "A-18"}, Arrival.Reason.NO_PATIENT),
        ({"PatientID": None}, Arrival.Reason.NO_NUMBER),
        ({"PatientName": "Lind^Karl"}, Arrival.Reason.OTHER_NAME),
        ({"PatientBirthDate": "19680503"}, Arrival.Reason.OTHER_NAME),
        ({"PatientName": None, "PatientBirthDate": None}, Arrival.Reason.QUESTION),
        ({"IssuerOfPatientID": "ANOTHER HOSPITAL"}, Arrival.Reason.NO_PATIENT),
        ({"ImageLaterality": None}, Arrival.Reason.NO_EYE),
        ({"ImageLaterality": "B"}, Arrival.Reason.NO_EYE),
        ({"ImageLaterality": "R", "Laterality": "L"}, Arrival.Reason.NO_EYE),
    ],
)
def test_where_there_is_doubt_a_person_says(
    camera: Sender, ana: Patient, hill: Clinic, attributes: dict[str, Any], reason: Arrival.Reason
) -> None:
    arrival = bring(camera, made(**attributes))
    assert (arrival.state, arrival.reason) == (Arrival.State.TO_ASSIGN, reason)
    assert not Photograph.objects.exists()
    assert not Exam.objects.exists()
    assert list(tray_for(hill.technician)) == [arrival]


def test_a_number_of_another_hospital_counts_as_that_hospitals(camera: Sender, ana: Patient) -> None:
    PatientIdentifier.objects.create(patient=ana, system="ST MARY", value="99")
    assert bring(camera, made(PatientID="99", IssuerOfPatientID="St Mary")).exam is not None


def test_two_patients_with_one_number_are_not_told_apart(camera: Sender, ana: Patient, hill: Clinic) -> None:
    create_patient(hill.technician, name="Ana Ruiz", birth_date=date(1968, 3, 5), local_id="A-17")
    assert bring(camera, made()).reason == Arrival.Reason.SEVERAL_PATIENTS


def test_other_content_under_the_same_identifier_replaces_nothing(camera: Sender, ana: Patient) -> None:
    first = photograph(AcquisitionDateTime=TAKEN)
    bring(camera, as_bytes(first))
    dicoms.set_pixels(first, retina(seed=9))
    assert bring(camera, as_bytes(first)).reason == Arrival.Reason.OTHER_CONTENT
    assert Photograph.objects.count() == 1


def test_each_picture_of_a_file_becomes_a_photograph(camera: Sender, ana: Patient) -> None:
    arrival = bring(camera, made(pixels=np.stack([retina(seed=1), retina(seed=2)])))
    assert Photograph.objects.count() == 2
    assert default_storage.exists(arrival.file.name)


def test_a_person_assigns_what_lay_in_the_tray(camera: Sender, ana: Patient, hill: Clinic, lake: Clinic) -> None:
    arrival = bring(camera, made(PatientID="A-18", ImageLaterality=None))
    exam = create_exam(hill.technician, ana)
    with pytest.raises(Arrival.DoesNotExist):
        assign(lake.technician, arrival, exam, Eye.RIGHT)
    with pytest.raises(PermissionDenied):
        assign(hill.manager, arrival, exam, Eye.RIGHT)
    assign(hill.technician, arrival, exam, Eye.RIGHT)
    photo = Photograph.objects.get()
    assert (photo.exam, photo.eye, photo.created_by) == (exam, Eye.RIGHT, hill.technician)
    assert not tray_for(hill.technician).exists()


def test_the_same_picture_of_another_patient_must_be_confirmed(camera: Sender, ana: Patient, hill: Clinic) -> None:
    data = made()
    bring(camera, data)
    other = create_exam(hill.technician, create_patient(hill.technician, name="Karl Lind"))
    second = Arrival.objects.get()
    second.pk, second.sop_instance_uid, second.state = UUID(int=7), "1.2.3", Arrival.State.TO_ASSIGN
    second.file.name = default_storage.save("twin", ContentFile(data))
    second.save(force_insert=True)
    with pytest.raises(Unmatched) as caught:
        assign(hill.technician, second, other, Eye.RIGHT)
    assert caught.value.reason is Arrival.Reason.OTHER_PATIENT
    assign(hill.technician, second, other, Eye.RIGHT, confirmed={Question.OTHER_PATIENT})
    assert Photograph.objects.count() == 2


def test_what_belongs_nowhere_is_set_aside_and_kept(camera: Sender, hill: Clinic) -> None:
    arrival = bring(camera, made())
    set_aside(hill.technician, arrival)
    arrival.refresh_from_db()
    assert arrival.state == Arrival.State.DROPPED
    assert default_storage.exists(arrival.file.name)


def test_a_file_that_kills_its_process_again_and_again_goes_into_the_tray(camera: Sender, ana: Patient) -> None:
    keep(made(), by=camera.acts_as, via="dicom", sender=camera)
    now = timezone.now()
    Arrival.objects.update(tries=arrivals.TRIES, lease_until=now)
    assert file_next(now + timedelta(seconds=1))
    assert Arrival.objects.get().reason == Arrival.Reason.UNREADABLE


def test_filing_that_broke_off_after_the_photograph_ends_with_one_photograph(camera: Sender, ana: Patient) -> None:
    data = made()
    bring(camera, data)
    Arrival.objects.all().delete()
    bring(camera, data)
    assert Photograph.objects.count() == 1


def test_what_is_no_photograph_is_not_kept(camera: Sender) -> None:
    with pytest.raises(NotAPhotographError):
        keep(made(sop_class=dicoms.OCT), by=camera.acts_as, via="dicom")
    assert not Arrival.objects.exists()


def test_only_administrators_connect_machines(hill: Clinic) -> None:
    for person in (hill.technician, hill.doctor, hill.manager):
        with pytest.raises(PermissionDenied):
            add_sender(person, "Camera", "CAM")
