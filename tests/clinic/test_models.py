"""Every model can be written in each of Django's ways, and its key is made by us and never guessed."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from retineye.accounts.models import (
    AuditBlock,
    AuditEvent,
    AuditSeal,
    Invitation,
    Membership,
    Organisation,
    Role,
    SetupLink,
    User,
)
from retineye.clinic.models import (
    CallBack,
    CallBackTry,
    ClinicSettings,
    ClinicText,
    Correction,
    EarlierRecord,
    Exam,
    Patient,
    PatientIdentifier,
    Photograph,
    Report,
    StoredResult,
    TextReview,
    Verdict,
)
from tests.cast import Clinic, add_exam
from tests.clinic.rows import later_rows

OURS = [model for label in ("accounts", "clinic") for model in apps.get_app_config(label).get_models()]


def fields_for(model: type[models.Model], hill: Clinic, number: int) -> dict[str, Any]:
    """Give what a new row needs."""
    exam = add_exam(hill)
    photograph = {
        "exam": exam,
        "eye": "right",
        "sha256": f"{number:064}",
        "bytes": 1,
        "mime": "image/jpeg",
        "width_px": 1,
        "height_px": 1,
        "via": "web",
    }
    result = {"exam": exam, "basis": "signed", "rule": "worse_eye", "conclusion": "routine"}
    user = {"email": f"new{number}@hill.example", "full_name": "New"}
    block = {"number": 100 + number, "events": 0, "previous_hash": "0" * 64, "hash": "1" * 64}
    made: dict[type[models.Model], Any] = {
        Organisation: lambda: {"name": "Third Clinic"},
        User: lambda: user,
        Membership: lambda: {
            "user": User.objects.create(**user),
            "organisation": hill.organisation,
            "role": Role.DOCTOR,
        },
        Invitation: lambda: {
            "organisation": hill.organisation,
            "email": user["email"],
            "role": Role.DOCTOR,
            "token_hash": f"{number:064}",
            "expires_at": timezone.now() + timedelta(days=1),
        },
        SetupLink: lambda: {"token_hash": f"{number:064}"},
        AuditEvent: lambda: {"action": "signed_in"},
        AuditBlock: lambda: block,
        AuditSeal: lambda: {
            "block": AuditBlock.objects.create(**block),
            "event": AuditEvent.objects.create(action="signed_in"),
            "position": 0,
        },
        Patient: lambda: {"organisation": hill.organisation, "name": "Ana Ruiz"},
        PatientIdentifier: lambda: {"patient": exam.patient, "value": f"{number}"},
        ClinicSettings: lambda: {"organisation": Organisation.objects.create(name="Third Clinic")},
        EarlierRecord: lambda: {"patient": exam.patient, "source": "RetinEye 1", "happened_on": date(2021, 5, 4)},
        Correction: lambda: {"kind": "exam_cancelled", "reason": "Wrong day", "patient": exam.patient, "exam": exam},
        Exam: lambda: {"patient": exam.patient},
        Photograph: lambda: photograph,
        Verdict: lambda: {
            "photograph": Photograph.objects.create(**photograph),
            "attempt": 1,
            "pack_id": "tiny",
            "pack_sha256": "0" * 64,
            "status": "ungradable",
            "quality": {},
        },
        StoredResult: lambda: result,
        Report: lambda: {
            "exam": exam,
            "result": StoredResult.objects.create(**result),
            "kind": "patient",
            "language": "en",
            "number": number,
            "provisional": True,
        },
        CallBack: lambda: _call_back(result),
        CallBackTry: lambda: {"call_back": CallBack.objects.create(**_call_back(result)), "how": "spoke"},
        ClinicText: lambda: {
            "organisation": Organisation.objects.create(name="Third Clinic"),
            "language": "sw",
            "key": "title",
            "text": "Macho yako",
        },
        TextReview: lambda: {"organisation": hill.organisation, "language": "sw", "reviewed_by": "A. Reader"},
    }
    return dict((made | later_rows(hill, exam, number))[model]())


def _call_back(result: dict[str, Any]) -> dict[str, Any]:
    told = StoredResult.objects.create(**result)
    return {"exam": told.exam, "told": told, "now": told, "urgency": 4}


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_each_model_is_written_by_manager_save_forced_insert_and_bulk(model: type[models.Model], hill: Clinic) -> None:
    written = [model._default_manager.create(**fields_for(model, hill, 1)).pk]
    plain = model(**fields_for(model, hill, 2))
    plain.save(using="default")
    forced = model(**fields_for(model, hill, 3))
    forced.save(force_insert=True)
    [bulk] = model._default_manager.bulk_create([model(**fields_for(model, hill, 4))])
    written += [plain.pk, forced.pk, bulk.pk]
    assert len(set(written)) == 4
    assert model._default_manager.filter(pk__in=written).count() == 4
    assert str(plain)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_each_key_is_a_uuid_that_we_make(model: type[models.Model]) -> None:
    assert isinstance(model._meta.pk, models.UUIDField)
    assert model._meta.pk.default is not None


def test_a_forced_insert_never_replaces_a_row_that_is_there(hill: Clinic) -> None:
    patient = add_exam(hill).patient
    with pytest.raises(IntegrityError), transaction.atomic():
        Patient(pk=patient.pk, organisation=hill.organisation, name="Somebody Else").save(force_insert=True)
    patient.refresh_from_db()
    assert patient.name == "Ana Ruiz"


@pytest.mark.parametrize(("status", "grade"), [("graded", None), ("ungradable", 0), ("not_fundus", 4)])
def test_the_database_refuses_a_grade_without_a_graded_photograph_and_the_reverse(
    hill: Clinic, status: str, grade: int | None
) -> None:
    wrong = {**fields_for(Verdict, hill, 1), "status": status, "grade": grade}
    with pytest.raises(IntegrityError), transaction.atomic():
        Verdict.objects.create(**wrong)
