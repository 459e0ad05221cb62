"""The words of the reports: whole in every language, and the clinic's own where it has some."""

from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from retineye.clinic.report_texts import (
    FOLDER,
    TEXTS,
    TextsError,
    languages,
    put_differently,
    read_texts,
    record_review,
    texts_of,
)
from tests.cast import Clinic


@pytest.mark.parametrize("language", TEXTS)
def test_no_sentence_is_missing_in_any_language(language: str) -> None:
    assert TEXTS[language].sentences.keys() == TEXTS["en"].sentences.keys()
    assert len(set(TEXTS[language].months)) == 12


def test_english_alone_is_reviewed_as_it_comes() -> None:
    assert [code for code, texts in TEXTS.items() if texts.reviewed_by] == ["en"]
    assert languages()[0] == ("en", "English")


@pytest.mark.parametrize(
    ("old", "new"),
    [('language = "sw"', 'language = "xx"'), ('title = "', 'title = ""\nother = "'), ("[patient]", "[pation]")],
)
def test_a_file_that_is_wrong_is_refused_by_name(tmp_path: Path, old: str, new: str) -> None:
    broken = tmp_path / "sw.toml"
    broken.write_text((FOLDER / "sw.toml").read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(TextsError, match=r"sw\.toml"):
        read_texts(broken)


def test_the_clinic_s_own_words_are_printed_in_that_clinic_alone(hill: Clinic, lake: Clinic) -> None:
    put_differently(hill.administrator, "sw", "title", "Picha  za macho")
    assert texts_of(hill.organisation, "sw").sentences["title"] == "Picha za macho"
    assert texts_of(hill.organisation, "sw").own == {"title"}
    assert texts_of(lake.organisation, "sw").sentences["title"] == TEXTS["sw"].sentences["title"]
    put_differently(hill.administrator, "sw", "title", "")
    assert texts_of(hill.organisation, "sw").own == frozenset()


def test_a_sentence_keeps_its_blanks(hill: Clinic) -> None:
    for lost in ("Muone daktari.", "Muone daktari kabla ya {date} {name}."):
        with pytest.raises(ValidationError, match="date"):
            put_differently(hill.administrator, "sw", "do_refer", lost)
    with pytest.raises(ValidationError, match="too long"):
        put_differently(hill.administrator, "sw", "title", "a" * 700)


def test_a_review_holds_for_the_very_sentences_that_were_read(hill: Clinic, lake: Clinic) -> None:
    record_review(hill.administrator, "sw", "  M.  Msomaji ")
    assert texts_of(hill.organisation, "sw").reviewed_by == "M. Msomaji"
    assert texts_of(lake.organisation, "sw").reviewed_by == ""
    put_differently(hill.administrator, "sw", "title", "Picha zako")
    assert texts_of(hill.organisation, "sw").reviewed_by == ""
    with pytest.raises(ValidationError):
        record_review(hill.administrator, "sw", " ")


@pytest.mark.parametrize("role", ["technician", "doctor", "manager"])
def test_only_the_administrator_edits_the_words(hill: Clinic, role: str) -> None:
    with pytest.raises(PermissionDenied):
        put_differently(hill.people[role], "sw", "title", "Picha")
    with pytest.raises(PermissionDenied):
        record_review(hill.people[role], "sw", "M. Msomaji")
