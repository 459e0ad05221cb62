"""Who is outside the intended use, and what overrides an interval."""

import pytest

from retineye.clinic.intended_use import NO_CIRCUMSTANCES, Circumstances
from retineye.clinic.models import Symptom
from retineye.grading.result import Eye


@pytest.mark.parametrize(
    "circumstances",
    [Circumstances(under_age=True), Circumstances(pregnant=True), Circumstances(treated_eyes=frozenset({Eye.LEFT}))],
    ids=["under age", "pregnant", "treated"],
)
def test_a_person_always_reads_who_is_outside_the_intended_use(circumstances: Circumstances) -> None:
    assert circumstances.outside_intended_use
    assert not circumstances.override


@pytest.mark.parametrize("symptom", Symptom.values)
def test_every_symptom_overrides_the_interval(symptom: str) -> None:
    assert Circumstances(symptoms=(symptom,)).override


def test_an_eye_that_sees_badly_overrides_the_interval_and_nothing_does_nothing() -> None:
    assert Circumstances(low_acuity_eyes=frozenset({Eye.RIGHT})).override
    assert not (NO_CIRCUMSTANCES.override or NO_CIRCUMSTANCES.outside_intended_use)
