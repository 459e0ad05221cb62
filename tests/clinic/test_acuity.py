"""Acuity is read in the notations that clinics write, and never guessed."""

import pytest

from retineye.clinic.acuity import COMMON, UnknownAcuity, logmar


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("6/6", 0.0),
        ("20/20", 0.0),
        ("10/10", 0.0),
        ("6/12", 0.3),
        ("20/40", 0.3),
        ("5/10", 0.3),
        (" 6 / 12 ", 0.3),
        ("6/12-2", 0.34),
        ("6/12+1", 0.28),
        ("6/9p", 0.18),
        ("6/7.5", 0.1),
        ("6/60", 1.0),
        ("3/60", 1.3),
        ("6/5", -0.08),
        ("0.5 dec", 0.3),
        ("dec 0,5", 0.3),
        ("1.0 decimal", 0.0),
        ("logMAR 0.3", 0.3),
        ("0.30 LogMAR", 0.3),
        ("-0.1 logmar", -0.1),
        ("6/12 ph", 0.3),
        ("cc 6/12", 0.3),
        ("CF", 1.9),
        ("hm", 2.3),
        ("LP", 2.7),
        ("NPL", 3.0),
    ],
)
def test_each_usual_notation_comes_to_one_scale(written: str, value: float) -> None:
    assert logmar(written) == pytest.approx(value, abs=0.005)


@pytest.mark.parametrize(
    "written", ["0.3", "0,5", "1.0", "6", "good", "0/6", "6/0", "6/1", "1/2000", "dec 0", "6/12/3", ""]
)
def test_what_can_mean_two_things_or_nothing_is_refused_with_a_way_out(written: str) -> None:
    with pytest.raises(UnknownAcuity, match="6/12"):
        logmar(written)


def test_what_is_offered_is_understood_and_grows_worse() -> None:
    values = [logmar(written) for written in COMMON]
    assert values == sorted(values)
