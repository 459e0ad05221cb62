"""Who is outside the intended use, and what overrides an interval."""

import pytest

from retineye.clinic.intended_use import NO_CIRCUMSTANCES, URGENT_SYMPTOMS, Circumstances
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
def test_every_symptom_overrides_the_interval_and_the_grave_ones_press(symptom: str) -> None:
    circumstances = Circumstances(symptoms=(symptom,))
    assert circumstances.override
    assert circumstances.urgent_symptoms is (symptom in {"sudden_loss", "floaters", "curtain", "pain"})


def test_an_eye_that_sees_badly_overrides_the_interval_and_nothing_does_nothing() -> None:
    assert Circumstances(low_acuity_eyes=frozenset({Eye.RIGHT})).override
    assert not (NO_CIRCUMSTANCES.override or NO_CIRCUMSTANCES.outside_intended_use)


def test_every_code_of_a_grave_symptom_is_one_that_can_be_chosen() -> None:
    assert set(Symptom.values) >= URGENT_SYMPTOMS
