"""What a new row of each later model needs, for tests that write every model."""

from datetime import date, timedelta
from typing import Any

from django.db import models
from django.utils import timezone

from retineye.accounts.models import ApiToken, Organisation, OrganisationPolicy, PasswordLink, Site, StoredAnswer
from retineye.clinic import models as clinic
from retineye.clinic.models import Exam
from tests.cast import Clinic


def later_rows(hill: Clinic, exam: Exam, number: int) -> dict[type[models.Model], Any]:
    """Give by model a function that makes the fields of one row; `number` keeps rows apart."""
    doctor, own = hill.doctor, {"organisation": hill.organisation}
    hashed = f"{number:064}"
    token = {
        "user": doctor,
        "name": "Script",
        "prefix": f"rt{number:06}",
        "token_hash": hashed,
        "expires_at": timezone.now() + timedelta(days=1),
    }
    batch = {**own, "created_by": doctor, "name": "Archive", "source": "zip"}
    review = {"exam": exam, "reader": doctor, "kind": "first"}
    destination = {**own, "name": f"Archive {number}", "kind": "dicom", "address": "127.0.0.1:104"}
    webhook = {**own, "url": "https://listener.example/"}

    def signature() -> dict[str, Any]:
        read = clinic.Review.objects.create(**review)
        return {"exam": exam, "review": read, "signed_by": doctor, "how": "password"}

    return {
        Site: lambda: {**own, "name": f"Site {number}"},
        OrganisationPolicy: lambda: {"organisation": Organisation.objects.create(name=f"Clinic {number}")},
        PasswordLink: lambda: {
            "user": doctor,
            "token_hash": hashed,
            "expires_at": timezone.now() + timedelta(days=1),
        },
        ApiToken: lambda: token,
        StoredAnswer: lambda: {
            "token": ApiToken.objects.create(**token),
            "key": f"key-{number}",
            "request_sha256": hashed,
        },
        clinic.Batch: lambda: batch,
        clinic.BatchRow: lambda: {
            "batch": clinic.Batch.objects.create(**batch),
            "line": number,
            "path": "a.jpg",
            "patient_number": "7",
            "eye": "right",
            "taken_on": date(2026, 5, 4),
        },
        clinic.Erasure: lambda: {
            **own,
            "patient_id": exam.patient_id,
            "why": "asked",
            "exams": 1,
            "photographs": 2,
            "files": 3,
        },
        clinic.Sender: lambda: {**own, "name": f"Camera {number}", "acts_as": hill.technician},
        clinic.Arrival: lambda: {
            **own,
            "by": hill.technician,
            "via": "dicom",
            "sha256": hashed,
            "bytes": 1,
            "sop_instance_uid": f"2.25.{number}",
            "sop_class": "1.2.840.10008.5.1.4.1.1.77.1.5.1",
        },
        clinic.Destination: lambda: destination,
        clinic.Delivery: lambda: {
            "destination": clinic.Destination.objects.create(**destination),
            "exam": exam,
            "revision": f"{number}",
        },
        clinic.Reminder: lambda: {"exam": exam, "how": "reached"},
        clinic.ReferralOutcome: lambda: {"exam": exam, "state": "booked"},
        clinic.Review: lambda: review,
        clinic.Signature: signature,
        clinic.Addendum: lambda: {
            "exam": exam,
            "signature": clinic.Signature.objects.create(**signature()),
            "text": "Spoke with the patient.",
            "by": doctor,
        },
        clinic.SavedFilter: lambda: {"user": doctor, "name": f"Mine {number}", "query": "show=refer"},
        clinic.SingleGrade: lambda: {**own, "user": doctor, "name": "a.jpg", "sha256": hashed},
        clinic.Upload: lambda: {"exam": exam, "user": hill.technician, "bytes": 1},
        clinic.Webhook: lambda: webhook,
        clinic.WebhookDelivery: lambda: {
            "webhook": clinic.Webhook.objects.create(**webhook),
            "event": "verdict.ready",
            "body": {},
        },
    }
