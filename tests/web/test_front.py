"""The front door, the ways in, the team, the audit, and what happens when something goes wrong."""

import re
from typing import Any

import pytest
from django.core.exceptions import SuspiciousOperation
from django.test import Client, override_settings
from django.urls import reverse

from retineye.accounts import setup
from retineye.accounts.models import AuditEvent, Invitation, Organisation, User
from retineye.clinic.checks import forget
from tests.cast import PASSWORD, Clinic, add_patient

NOT_A_DEVICE = "Assistive and research use. Not a cleared medical device. The final diagnosis is made by a clinician."
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture()
def administrator(client: Client, hill: Clinic) -> Client:
    """Have the administrator signed in."""
    client.force_login(hill.administrator, backend=BACKEND)
    return client


@pytest.mark.parametrize("name", ["home", "about", "account_login"])
def test_every_front_page_says_that_it_is_no_medical_device(client: Client, db: None, name: str) -> None:
    assert NOT_A_DEVICE in client.get(reverse(name)).content.decode()


def test_the_about_page_gives_the_terms_of_the_pack(client: Client, db: None) -> None:
    html = client.get(reverse("about")).content.decode()
    assert "The model pack and its terms" in html
    assert "This is a pack for tests." in html


def test_the_about_page_does_without_a_pack(client: Client, db: None, settings: Any) -> None:
    settings.RETINEYE_PACK = "/nowhere"
    forget()
    assert "The model pack and its terms" not in client.get(reverse("about")).content.decode()


def test_health_answers_with_no_patient_in_it(client: Client, db: None) -> None:
    assert client.get(reverse("health")).json() == {"status": "ok", "grading": True}


def test_who_is_signed_in_comes_from_the_front_door_to_the_worklist(administrator: Client) -> None:
    assert administrator.get(reverse("home")).headers["Location"] == reverse("worklist")


def test_the_first_run_link_sets_the_clinic_up_once(client: Client, db: None) -> None:
    link = setup.first_run_link("http://testserver")
    assert link
    assert client.get(link).status_code == 200
    given = {"clinic_name": "Hill Clinic", "full_name": "Ada Hill", "email": "ada@hill.example", "password": PASSWORD}
    assert "too common" in client.post(link, given | {"password": "password123"}).content.decode()
    assert not User.objects.exists()
    assert client.post(link, given, follow=True).redirect_chain[-1][0] == reverse("worklist")
    assert Organisation.objects.get().name == "Hill Clinic"
    assert Client().get(link).status_code == 404
    assert Client().post(link, given | {"email": "second@hill.example"}).status_code == 404
    assert User.objects.count() == 1


def test_a_colleague_comes_in_by_an_invitation_that_works_once(administrator: Client, hill: Clinic) -> None:
    asked = {"email": "new@hill.example", "role": "technician"}
    page = administrator.post(reverse("team"), asked).content.decode()
    found = re.search(r'value="(http://testserver/join/[^"]+)"', page)
    assert found
    assert found.group(1) not in administrator.get(reverse("team")).content.decode(), "shown once only"
    colleague = Client()
    assert "Hill Clinic" in colleague.get(found.group(1)).content.decode()
    joined = colleague.post(found.group(1), {"full_name": "New Colleague", "password": PASSWORD}, follow=True)
    assert joined.redirect_chain[-1][0] == reverse("worklist")
    assert User.objects.get(email="new@hill.example").membership.organisation == hill.organisation
    assert Client().get(found.group(1)).status_code == 404


def test_an_invitation_can_be_withdrawn_and_nobody_is_invited_twice(administrator: Client, hill: Clinic) -> None:
    administrator.post(reverse("team"), {"email": "new@hill.example", "role": "doctor"})
    administrator.post(reverse("invitation_withdraw", args=[Invitation.objects.get().pk]))
    assert not Invitation.objects.exists()
    again = administrator.post(reverse("team"), {"email": hill.doctor.email, "role": "doctor"}).content.decode()
    assert "has an account already" in again


def test_the_audit_names_what_was_done_by_whom_and_no_patient(administrator: Client, hill: Clinic) -> None:
    patient = add_patient(hill)
    administrator.get(reverse("patient", args=[patient.pk]))
    administrator.get(reverse("patients"), {"q": "Ana"})
    html = administrator.get(reverse("audit")).content.decode()
    assert "Patient viewed" in html
    assert "Patients searched" in html
    assert hill.administrator.full_name in html
    assert str(patient.pk) in html
    assert patient.name not in html
    assert AuditEvent.objects.filter(action="audit_read").count() == 1


def test_a_patient_who_may_be_here_already_is_shown_before_another_is_made(administrator: Client, hill: Clinic) -> None:
    first = add_patient(hill, "José García")
    given = {"name": "Garcia Jose", "birth_date": "1968-03-05"}
    warned = administrator.post(reverse("patient_new"), given).content.decode()
    assert "Perhaps this patient is here already" in warned
    assert reverse("patient", args=[first.pk]) in warned
    administrator.post(reverse("patient_new"), given | {"another": "on"})
    assert hill.organisation.pk and len(administrator.get(reverse("patients")).context["page"].object_list) == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": ""}, "required"),
        ({"name": "Ana"}, "Give the date of birth"),
        ({"name": "Ana", "birth_date": "2999-01-01"}, "in the future"),
        ({"name": "Ana", "birth_year": "1700"}, "1890"),
        ({"name": "-", "birth_year": "1970"}, "Give the patient"),
    ],
)
def test_a_patient_that_can_not_be_is_not_added(administrator: Client, given: dict[str, str], words: str) -> None:
    answer = administrator.post(reverse("patient_new"), given)
    assert answer.status_code == 200
    assert words in answer.content.decode()


def test_the_worklist_counts_searches_and_turns_pages(administrator: Client, hill: Clinic) -> None:
    patients = [add_patient(hill, f"Patient {number}") for number in range(27)]
    for patient in patients:
        administrator.post(reverse("exam_new", args=[patient.pk]))
    page = administrator.get(reverse("worklist"), {"show": "all"})
    assert len(page.context["rows"]) == 25
    assert "27 exams in this list" in page.content.decode()
    following = administrator.get(reverse("worklist"), {"show": "all", "after": str(page.context["page"].after)})
    assert len(following.context["rows"]) == 2
    back = administrator.get(reverse("worklist"), {"show": "all", "before": str(following.context["page"].before)})
    assert [row.exam.pk for row in back.context["rows"]] == [row.exam.pk for row in page.context["rows"]]
    found = administrator.get(reverse("worklist"), {"show": "all", "q": "patient 26"})
    assert [row.patient for row in found.context["rows"]] == [patients[26]]
    assert {one["key"]: one["count"] for one in found.context["filters"]}["all"] == 1
    assert "Nothing here is found" in administrator.get(reverse("worklist"), {"q": "nobody"}).content.decode()
    assert administrator.get(reverse("worklist"), {"show": "nonsense", "after": "x"}).status_code == 200


def test_an_exam_of_a_day_that_lies_ahead_is_refused_in_words(administrator: Client, hill: Clinic) -> None:
    patient = add_patient(hill)
    answer = administrator.post(reverse("exam_new", args=[patient.pk]), {"taken_on": "2999-01-01"}, follow=True)
    assert "can not be from that day" in answer.content.decode()
    assert not patient.exams.exists()


def test_a_page_that_is_not_there_is_designed_and_says_nothing_of_anybody(administrator: Client) -> None:
    answer = administrator.get("/nothing/here/")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_a_page_of_another_role_is_designed(client: Client, hill: Clinic) -> None:
    client.force_login(hill.technician, backend=BACKEND)
    answer = client.get(reverse("audit"))
    assert answer.status_code == 403
    assert "Your role in the clinic does not include it" in answer.content.decode()


def test_a_stale_form_is_told_what_to_do(hill: Clinic) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(hill.technician, backend=BACKEND)
    answer = strict.post(reverse("patient_new"), {"name": "Ana Ruiz"})
    assert answer.status_code == 403
    assert "The page was open for too long" in answer.content.decode()


def test_a_fault_of_ours_is_designed_and_names_no_patient(
    client: Client, hill: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(hill.technician, backend=BACKEND)
    client.raise_request_exception = False
    patient = add_patient(hill, "Zacharias Unmistakable")

    def broken(*args: object) -> None:
        raise RuntimeError(f"about {patient.name}")

    monkeypatch.setattr("retineye.web.views.patients.sights_of", broken)
    with override_settings(DEBUG=False):
        answer = client.get(reverse("patient", args=[patient.pk]))
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.content.decode()
    assert "Unmistakable" not in answer.content.decode()


def test_a_bad_request_is_designed(client: Client, hill: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    client.force_login(hill.technician, backend=BACKEND)

    def suspicious(*args: object, **kwargs: object) -> None:
        raise SuspiciousOperation("no")

    monkeypatch.setattr("retineye.clinic.patients.find_patients", suspicious)
    answer = client.get(reverse("patients"))
    assert answer.status_code == 400
    assert "could not be read" in answer.content.decode()


def test_pages_allow_no_foreign_code_and_stay_out_of_caches(administrator: Client) -> None:
    answer = administrator.get(reverse("worklist"))
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
