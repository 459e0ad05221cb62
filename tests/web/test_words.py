"""The small pieces of the look: how numbers, ages and waits are written, and what is drawn."""

from datetime import date, timedelta

import pytest
import time_machine
from django.utils import timezone, translation

from retineye.clinic.models import Patient
from retineye.grading.result import Grade, Reason
from retineye.web.templatetags import look

NOW = "2026-11-25T10:00:00Z"


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.0, "0 %"),
        (0.0001, "< 1 %"),
        (0.01, "1 %"),
        (0.614, "61 %"),
        (0.99, "99 %"),
        (0.9999, "> 99 %"),
        (1.0, "100 %"),
    ],
)
def test_a_probability_never_reads_as_certain_when_it_is_not(probability: float, words: str) -> None:
    assert look.percent(probability) == words


@pytest.mark.parametrize(("language", "words"), [("en", "< 1 %"), ("hi", "< 1 %"), ("ar", "\u2066< 1 %\u2069")])
def test_a_sign_stays_before_its_number_where_the_page_runs_from_right_to_left(language: str, words: str) -> None:
    with translation.override(language):
        assert look.percent(0.0001) == words


def test_a_grade_and_a_reason_are_named_in_the_language_of_the_page() -> None:
    with translation.override("en"):
        assert (look.named(Grade.MODERATE), look.named(Reason.TOO_DARK)) == ("Moderate NPDR", "Too dark")
    with translation.override("hi"):
        assert (look.named(Grade.MODERATE), look.named(Reason.TOO_DARK)) == ("मध्यम NPDR", "बहुत अँधेरी")


def test_an_icon_that_points_along_the_line_turns_with_it_and_a_clock_does_not() -> None:
    assert "icon-along" in look.icon("chevron-right")
    assert "icon-along" not in look.icon("clock")


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=40), "40 min"),
        (timedelta(minutes=179), "2 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=3, hours=2), "3 days"),
    ],
)
def test_a_wait_is_written_in_the_largest_unit_that_fits(ago: timedelta, words: str) -> None:
    with time_machine.travel(NOW, tick=False):
        assert look.waited(timezone.now() - ago) == words


@pytest.mark.parametrize(
    ("born", "year", "age", "written"),
    [
        (date(1968, 11, 25), 1968, "58 years", "25 Nov 1968"),
        (date(1968, 11, 26), 1968, "57 years", "26 Nov 1968"),
        (date(2025, 3, 1), 2025, "1 year", "1 Mar 2025"),
        (None, 1968, "about 58 years", "1968"),
        (None, None, "age not known", "not known"),
    ],
)
def test_an_age_is_in_whole_years_and_says_when_it_is_not_exact(
    born: date | None, year: int | None, age: str, written: str
) -> None:
    patient = Patient(name="Ana Ruiz", birth_date=born, birth_year=year)
    with time_machine.travel(NOW, tick=False):
        assert look.age_of(patient) == age
    assert look.born(patient) == written


@pytest.mark.parametrize("grade", range(5))
def test_a_grade_fills_one_step_more_than_its_number(grade: int) -> None:
    assert look.steps(grade).count('class="f"') == grade + 1
    assert look.steps(grade).count("<i") == 5


def test_a_bar_is_as_long_as_its_probability_and_needs_no_style() -> None:
    drawn = look.meter(0.614, 3)
    assert 'width="61.4"' in drawn
    assert "style" not in drawn


def test_a_forms_own_errors_are_drawn_once_and_escaped() -> None:
    assert look.as_notice([]) == ""
    assert "&lt;b&gt;" in look.as_notice(["<b>"])
