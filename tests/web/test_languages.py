"""Pages speak the language of the person; what machines read is English whatever anybody's language."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation.trans_real import translation as catalog_of

from retineye.accounts import tokens
from retineye.accounts.models import User
from retineye.clinic import exams
from retineye.exchange.table import table
from retineye.exchange.told import told_of
from tests.cast import Clinic, add_patient

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
LANGUAGES = ("es", "fr", "hi", "ar")


@pytest.fixture()
def doctor(client: Client, hill: Clinic) -> Client:
    """Have the doctor signed in."""
    client.force_login(hill.doctor, backend=BACKEND)
    return client


def english_words() -> set[str]:
    """Give every English sentence of the catalogues that a translation replaces by another."""
    keys = catalog_of("es")._catalog.keys()
    found = {key for key in keys if isinstance(key, str) and len(key) > 12 and " " in key}
    assert len(found) > 1000
    return found


def shown(html: str) -> set[str]:
    """Give the sentences that stand between the tags of a page."""
    body = re.sub(r"(?s)<(script|style).*?</\1>", "", html[html.index("<body") :])
    return {part.strip() for part in re.split(r"<[^>]+>", body) if part.strip()}


@pytest.mark.parametrize(
    ("asked", "language"),
    [("es-MX,es;q=0.9", "es"), ("fr-CA", "fr"), ("hi", "hi"), ("ar-EG,en;q=0.5", "ar"), ("de", "en"), ("", "en")],
)
def test_a_page_speaks_the_language_that_the_browser_asks_for_where_it_is_offered(
    client: Client, db: None, asked: str, language: str
) -> None:
    response = client.get(reverse("account_login"), headers={"accept-language": asked})
    html = response.content.decode()
    assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in html
    assert response["Content-Language"] == language
    assert "Accept-Language" in response["Vary"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_of_a_day_hold_no_english_sentence_in_another_language(
    doctor: Client, hill: Clinic, language: str
) -> None:
    patient = add_patient(hill)
    exam = exams.create_exam(hill.technician, patient)
    User.objects.filter(pk=hill.doctor.pk).update(language=language)
    english = english_words()
    for address in (
        reverse("worklist"),
        reverse("patients"),
        reverse("patient", args=[patient.pk]),
        reverse("exam", args=[exam.pk]),
        reverse("about"),
    ):
        html = doctor.get(address).content.decode()
        assert f'<html lang="{language}"' in html, address
        assert not shown(html) & english, address


def test_who_is_signed_in_keeps_the_language_with_the_account(doctor: Client, hill: Clinic) -> None:
    response = doctor.post(reverse("language"), {"language": "fr", "next": reverse("patients")})
    assert response["Location"] == reverse("patients")
    assert User.objects.get(pk=hill.doctor.pk).language == "fr"
    html = doctor.get(reverse("worklist"), headers={"accept-language": "es"}).content.decode()
    assert "Liste de travail" in html
    assert "Cette traduction n'a pas encore été relue." in html


def test_who_has_not_signed_in_keeps_the_language_in_the_browser(client: Client, db: None) -> None:
    response = client.post(reverse("language"), {"language": "es", "next": reverse("account_login")})
    assert response.cookies["retineye_language"].value == "es"
    assert response.cookies["retineye_language"]["httponly"]
    assert "Iniciar sesión" in client.get(reverse("account_login")).content.decode()


@pytest.mark.parametrize("asked", [{"language": "tlh"}, {}, {"language": "../en"}])
def test_a_language_that_is_not_offered_changes_nothing(doctor: Client, hill: Clinic, asked: dict[str, str]) -> None:
    assert doctor.post(reverse("language"), asked).status_code == 302
    assert User.objects.get(pk=hill.doctor.pk).language == ""


def test_the_choice_of_a_language_leads_to_no_other_host(client: Client, db: None) -> None:
    response = client.post(reverse("language"), {"language": "es", "next": "https://elsewhere.example.org/"})
    assert response["Location"] == reverse("home")


def test_english_is_not_said_to_lack_a_review(client: Client, db: None) -> None:
    assert "not been reviewed" not in client.get(reverse("account_login")).content.decode()


def test_the_api_answers_in_english_whatever_the_language(client: Client, hill: Clinic) -> None:
    User.objects.filter(pk=hill.doctor.pk).update(language="fr")
    hill.doctor.refresh_from_db()
    exam = exams.create_exam(hill.technician, add_patient(hill))
    made = tokens.make(hill.doctor, name="script", scopes=[tokens.Scope.EXAMS_READ], days=1)
    headers = {"authorization": f"Bearer {made.text}", "accept-language": "fr"}
    response = client.get(f"/api/v1/exams/{exam.pk}", headers=headers)
    assert response.status_code == 200
    assert "No photographs yet" in response.content.decode()


def test_what_goes_to_other_systems_is_english_whatever_the_language(hill: Clinic) -> None:
    exam = exams.create_exam(hill.technician, add_patient(hill))
    with translation.override("fr"):
        told = told_of(exam, now=timezone.now())
        rows: Any = ({"said": translation.gettext("Worklist")} for _ in range(1))
        written = table("csv", ["said"], rows).decode("utf-8-sig")
    assert told.conclusion.startswith("Take a photograph of the right eye.")
    assert written == "said\r\nWorklist\r\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sign_in_that_fails_is_refused_in_the_language_of_the_page(client: Client, db: None, language: str) -> None:
    wrong = {"login": "nobody@example.org", "password": "nothing"}
    html = client.post(reverse("account_login"), wrong, headers={"accept-language": language}).content.decode()
    with translation.override(language):
        said = translation.gettext("The email address and/or password you specified are not correct.")
    assert said in html.replace("&#x27;", "'")
    assert "are not correct" not in html
