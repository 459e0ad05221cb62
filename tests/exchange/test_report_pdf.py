"""The patient's page: plain, honest, on one page, in the patient's language."""

import html
import re
from dataclasses import replace
from datetime import date
from functools import cache
from types import MappingProxyType

import pytest

from retineye.clinic.report_texts import TEXTS
from retineye.exchange.report_pdf import patient_page
from retineye.exchange.report_pdf.content import Dme, EyeSays, ReportData, Seen
from retineye.exchange.report_pdf.patient import eye_keys, page_html
from retineye.exchange.report_pdf.stamp import stamp
from tests.exchange.papers import FINE, ROUTINE, UNREADABLE, UNSURE, advice, pages, report, words


@cache
def paper(language: str) -> bytes:
    """Give the provisional page in a language, set once."""
    return patient_page(report(language, signature=None))


def said_by(data: ReportData) -> str:
    """Give what the page says, without setting the paper: that is slow, and the tests above it read real ones."""
    text = re.sub(r"<title>.*?</title>|<[^>]+>", " ", page_html(data))
    return re.sub(r"\s+", " ", re.sub("[\u2066-\u2069]", "", html.unescape(text)))


LANGUAGES = ("en", "es", "fr", "pt", "hi", "sw", "ar")
LATIN = ("en", "es", "fr", "pt", "sw")

# Words by which a page would say that all is well, in each language.
ALL_IS_WELL = {
    "en": ("healthy", "normal", "all clear", "nothing wrong", "no disease", "fine", "negative"),
    "es": ("sano", "normal", "está bien", "negativo"),
    "fr": ("sain", "normal", "en bonne santé", "négatif"),
    "pt": ("saudável", "normal", "está bem", "negativo"),
    "hi": ("स्वस्थ", "सामान्य"),
    "sw": ("afya njema", "kawaida", "mzima"),
    "ar": ("سليم", "طبيعي"),
}


def test_the_reports_are_offered_in_the_seven_languages() -> None:
    assert set(TEXTS) == set(LANGUAGES)
    assert [code for code, texts in TEXTS.items() if texts.direction == "rtl"] == ["ar"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_paper_is_one_page_and_says_first_that_it_is_provisional(language: str) -> None:
    said = words(paper(language))
    assert pages(paper(language)) == 1
    assert "PROVISIONAL" in said
    assert "2027" not in said
    assert "We looked only for diabetic eye" in said
    for word in ALL_IS_WELL["en"]:
        assert word not in said.lower()


def test_the_paper_says_what_the_page_says() -> None:
    pdf = patient_page(report())
    said = words(pdf)
    for wanted in (
        "See an eye doctor before 24 February 2027.",
        "Read and signed by Dr. A. Reader on 25 November 2026.",
    ):
        assert wanted in said
    assert "PROVISIONAL" not in said
    marked = stamp(pdf, "SUSTITUIDO", "SUPERSEDED", "es")
    assert pages(marked) == pages(pdf)
    for wanted in ("SUSTITUIDO", "SUPERSEDED", "See an eye doctor before 24 February 2027."):
        assert wanted in words(marked)


def test_the_page_says_what_was_found_what_to_do_and_by_when() -> None:
    said = said_by(report())
    for wanted in (
        "Hill Clinic",
        "Ana Ruiz",
        "Photographs of 24 November 2026",
        "See an eye doctor before 24 February 2027.",
        "Right eye Severe diabetic eye disease. Your sight is in danger.",
        "The middle of the eye may be swollen.",
        "Left eye First, mild signs of diabetic eye disease.",
        "Call Hill Clinic: 0700 000 000",
        "Read and signed by Dr. A. Reader on 25 November 2026.",
        "Report 9F3A21C4-1",
        "Guideline: ICO 2017, high resource",
        "Not a cleared medical device. The final diagnosis is made by a clinician.",
    ):
        assert wanted in said
    assert "PROVISIONAL" not in said


def test_the_page_tells_with_which_signs_to_come_at_once() -> None:
    said = said_by(report(**ROUTINE))
    assert "Go to an eye doctor at once, on any day, if" in said
    for sign in ("you suddenly see less", "many new dark spots or flashes", "a dark curtain or shadow"):
        assert sign in said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("signed", [True, False])
def test_every_page_says_that_only_diabetic_eye_disease_was_looked_for(language: str, signed: bool) -> None:
    data = report(language, **ROUTINE)
    said = said_by(data if signed else replace(data, signature=None))
    assert "We looked only for diabetic eye disease." in said or language != "en"
    if language in LATIN:
        assert TEXTS[language].sentences["only"] in said
    if language != "en":
        assert "We looked only for diabetic eye" in said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("right", [FINE, UNSURE, UNREADABLE, EyeSays(Seen.GRADED, 4)], ids=lambda eye: eye.seen.value)
def test_before_a_doctor_has_signed_the_page_is_provisional_and_never_says_that_all_is_well(
    language: str, right: EyeSays
) -> None:
    for told in (ROUTINE["advice"], advice(), advice(conclusion="human_read", due_by=None)):
        said = said_by(report(language, right=right, left=FINE, advice=told, signature=None))
        assert "PROVISIONAL" in said
        assert "A doctor will look at them and confirm" in said or "A doctor will look" in said
        assert "2027" not in said
        for word in (*ALL_IS_WELL["en"], *ALL_IS_WELL[language]):
            assert word.lower() not in said.lower()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_of_any_language_calls_an_eye_well(language: str) -> None:
    texts = TEXTS[language]
    for key in texts.groups["patient"]:
        for word in ALL_IS_WELL[language]:
            assert word not in texts.sentences[key].lower().split("glaucoma")[0], key


def test_before_a_doctor_has_signed_every_eye_s_words_end_with_a_doctor() -> None:
    eyes = [EyeSays(Seen.GRADED, grade, dme) for grade in range(5) for dme in Dme]
    for eye in [*eyes, EyeSays(Seen.UNSURE, 0), EyeSays(Seen.UNSURE, 3), EyeSays(Seen.WAITING)]:
        keys = eye_keys(eye, final=False)
        assert all(key.startswith("seen_") for key in keys)
        assert all("octor" in TEXTS["en"].sentences[key] for key in keys)


def test_an_eye_that_the_software_is_unsure_of_or_can_not_read_never_reads_as_without_a_sign() -> None:
    for seen in (Seen.UNSURE, Seen.UNREADABLE, Seen.MISSING, Seen.PENDING, Seen.WAITING):
        for final in (True, False):
            keys = eye_keys(EyeSays(seen, 0), final=final)
            assert "found_0" not in keys
            assert "seen_nothing" not in keys


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_a_translation_that_nobody_reviewed_has_the_english_beside_it(language: str) -> None:
    said = said_by(report(language))
    assert "See an eye doctor before 24" in said
    assert "Severe diabetic eye disease." in said
    assert "No speaker of this language has reviewed this translation yet." in said


def test_a_translation_that_was_reviewed_stands_alone_and_names_who_reviewed_it() -> None:
    reviewed = replace(TEXTS["es"], reviewed_by="R. Lector")
    said = said_by(report(texts=reviewed))
    assert "Vaya a un oculista antes del 24 de febrero de 2027." in said
    assert "Traducción revisada por R. Lector." in said
    assert "See an eye doctor" not in said


@pytest.mark.parametrize("language", LATIN)
def test_the_day_is_written_out_in_the_language(language: str) -> None:
    written = {
        "en": "24 February 2027",
        "es": "24 de febrero de 2027",
        "fr": "24 février 2027",
        "pt": "24 de fevereiro de 2027",
        "sw": "24 Februari 2027",
    }
    assert written[language] in said_by(report(language))


def test_hindi_and_arabic_are_set_in_their_script_and_no_letter_is_missing() -> None:
    hindi = words(paper("hi"))
    assert "24" in hindi
    assert any("\u0900" <= letter <= "\u097f" for letter in hindi)
    arabic = words(paper("ar"))
    assert any("\u0600" <= letter <= "\u06ff" for letter in arabic)
    for said in (hindi, arabic):
        assert "\ufffd" not in said
        assert "□" not in said


@pytest.mark.parametrize(
    ("rule", "why"),
    [("symptoms_at_once", "You told us of a new problem"), ("low_acuity_at_once", "You do not see well with an eye.")],
)
@pytest.mark.parametrize("signed", [True, False])
def test_a_complaint_sends_to_an_eye_doctor_today_signed_or_not(rule: str, why: str, signed: bool) -> None:
    told = advice(rule=rule, at_once=True, due_by=date(2026, 11, 24), interval="")
    data = report(right=FINE, left=FINE, advice=told)
    said = said_by(data if signed else replace(data, signature=None))
    assert "Go to an eye doctor today. Do not wait." in said
    assert why in said


def test_an_eye_that_could_not_be_seen_sends_to_an_examination_without_a_verdict() -> None:
    told = advice(conclusion="examination", rule="tried_twice", due_by=None, interval="")
    said = said_by(report(right=UNREADABLE, left=FINE, advice=told))
    assert "You need an eye examination." in said
    assert "The photographs do not show this eye well enough. We can not tell." in said


def test_pregnancy_and_an_eye_under_treatment_are_spoken_of() -> None:
    told = replace(ROUTINE["advice"], notes=("pregnant", "in_care"))  # type: ignore[type-var]
    said = said_by(report(right=FINE, left=FINE, advice=told))
    assert "While you are pregnant your eyes must be looked at more often." in said
    assert "Keep going to your eye doctor as agreed." in said


def test_without_a_telephone_number_the_page_names_the_clinic() -> None:
    assert "Ask at Hill Clinic." in said_by(report(contact=""))


def test_the_page_has_no_probability_and_no_grade_in_the_doctors_words() -> None:
    said = said_by(report())
    for word in ("NPDR", "ICDR", "%", "probabilit", "Proliferative", "oedema"):
        assert word not in said


def test_what_people_typed_is_text_and_never_markup() -> None:
    said = said_by(report(patient="<b>Ana</b> & <script>", clinic='Hill "A" <i>'))
    assert "<b>Ana</b> & <script>" in said


def test_a_clinic_s_long_words_still_leave_one_page() -> None:
    long = {key: f"{text} {text[: len(text) // 3]}" for key, text in TEXTS["fr"].sentences.items()}
    texts = replace(TEXTS["fr"], sentences=MappingProxyType(long))
    assert pages(patient_page(report(texts=texts))) == 1
