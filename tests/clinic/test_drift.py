"""The mix of what comes out, by site and camera, against the weeks before and against the pack's card."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from retineye.accounts.models import Site
from retineye.clinic import drift
from retineye.clinic.models import Exam, Photograph, State, Verdict
from tests.cast import Clinic, add_exam


def verdicts(exam: Exam, counts: dict[str, int], *, days_ago: int = 1, camera: str = "") -> None:
    """Write photographs and verdicts as grading leaves them."""
    at = timezone.now() - timedelta(days=days_ago)
    for what, count in counts.items():
        for number in range(count):
            photograph = Photograph.objects.create(
                exam=exam, eye="right", state=State.GRADED, sha256=f"{what}-{days_ago}-{camera[:20]}-{number}", bytes=1,
                mime="image/jpeg", width_px=1, height_px=1, via="web", camera=camera,
            )  # fmt: skip
            graded = what.startswith("grade_")
            Verdict.objects.create(
                photograph=photograph, attempt=1, pack_id="tiny", pack_sha256="", quality={}, created_at=at,
                status="graded" if graded else what, grade=int(what[-1]) if graded else None,
            )  # fmt: skip


def group(by: str, name: str = "") -> drift.Group:
    [found] = [one for one in drift.mixes(timezone.now()) if (one.by, one.name) == (by, name)]
    return found


@pytest.mark.parametrize(
    ("now", "then", "value"),
    [
        ([10, 20, 30], [10, 20, 30], 0.0),
        ([100, 200], [1000, 2000], 0.0),
        # By hand: p = (80.5/101, 20.5/101), q = (50.5/101, 50.5/101).
        ([80, 20], [50, 50], 0.4066),
    ],
)
def test_the_shift_is_that_of_the_textbook(now: list[int], then: list[int], value: float) -> None:
    assert drift.shift(now, then) == pytest.approx(value, abs=2e-3)


def test_a_class_that_never_came_before_does_not_break_the_shift() -> None:
    assert 0.25 < drift.shift([50, 50], [100, 0]) < 10


def test_a_site_whose_mix_stays_is_told_apart_from_one_whose_mix_turns(hill: Clinic) -> None:
    steady = Site.objects.create(organisation=hill.organisation, name="Market")
    turned = Site.objects.create(organisation=hill.organisation, name="Harbour")
    for site, now in ((steady, {"grade_0": 24, "grade_2": 6}), (turned, {"grade_0": 5, "grade_2": 25})):
        exam = add_exam(hill)
        Exam.objects.filter(pk=exam.pk).update(site=site)
        verdicts(exam, {"grade_0": 24, "grade_2": 6}, days_ago=20)
        verdicts(exam, now)
    assert group("site", str(steady.pk)).grade_shift["before"] < 0.05
    assert group("site", str(turned.pk)).grade_shift["before"] > 0.25
    assert UUID(group("site", str(turned.pk)).clinic) == hill.organisation.pk


def test_a_camera_that_goes_out_of_focus_shows_in_the_quality_and_not_in_the_grades(hill: Clinic) -> None:
    exam = add_exam(hill)
    verdicts(exam, {"grade_0": 28, "ungradable": 2}, days_ago=20, camera="Topcon NW400")
    verdicts(exam, {"grade_0": 20, "ungradable": 20}, camera="Topcon NW400")
    found = group("camera", "Topcon NW400")
    assert found.quality_shift["before"] > 0.25
    assert found.grade_shift["before"] < 0.05
    assert found.count == 40


def test_a_camera_of_a_few_photographs_is_not_told(hill: Clinic) -> None:
    exam = add_exam(hill)
    verdicts(exam, {"grade_0": drift.FEWEST - 1}, camera="RUIZ ANA")
    verdicts(exam, {"grade_0": drift.FEWEST}, camera="Canon CR-2")
    told = {one.name for one in drift.mixes(timezone.now()) if one.by == "camera"}
    assert told == {"Canon CR-2"}


def test_the_card_s_mix_is_what_the_pack_said_and_not_what_was_true() -> None:
    card: dict[str, Any] = {
        "evaluation": [
            {
                "confusion": [[5, 1, 0, 0, 0], [2, 7, 0, 0, 0], *[[0] * 5] * 3],
                "not_fundus": 3,
                "ungradable": {"stopped": 4},
            },
        ]
    }
    assert drift.card_mix(card) == {"grade_0": 7, "grade_1": 8, "ungradable": 4, "not_fundus": 3}
    assert drift.card_mix(None) == {}


def test_the_shipped_card_tells_a_mix() -> None:
    from retineye.grading.pack import ModelPack

    mix = drift.card_mix(ModelPack.load(None).card.content)
    assert sum(mix.values()) > 100
    assert set(mix) <= {*drift.GRADES, "ungradable", "not_fundus"}


def test_what_was_counted_is_there_for_another_process_to_read(hill: Clinic) -> None:
    assert drift.latest() == []
    verdicts(add_exam(hill), {"grade_1": 30})
    count = drift.refresh(timezone.now())
    assert count == len(drift.latest())
    assert {one.by for one in drift.latest()} == {"all", "site", "camera"}
