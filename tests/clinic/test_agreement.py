"""How often readers and the software agree: the figures, and who may see them."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from retineye.clinic.agreement import Agreement, agreement_for, quadratic_kappa
from retineye.clinic.reviews import ask_second_read, read
from retineye.grading.result import Grade
from tests.cast import Clinic
from tests.clinic.test_reviews import both, doctor, settle
from tests.clinic.test_worklist import exam_with


def diagonal(count: int) -> list[list[int]]:
    """Give a matrix of perfect agreement."""
    return [[count if row == column else 0 for column in range(5)] for row in range(5)]


@pytest.mark.parametrize(
    ("matrix", "kappa"),
    [
        (diagonal(7), 1.0),
        ([[5, 5], [5, 5]], 0.0),
        ([[0, 5], [5, 0]], -1.0),
        # Worked by hand: weighted disagreement seen 15, by chance 25.
        ([[20, 5], [10, 15]], 0.4),
        # Three grades: seen 2 + 4 * 1 + 2 + 2 = 10, by chance (rows 13, 12, 5; columns 12, 14, 4) 892 / 30.
        ([[10, 2, 1], [2, 10, 0], [0, 2, 3]], 1 - 10 / (892 / 30)),
    ],
)
def test_kappa_is_that_of_known_tables(matrix: list[list[int]], kappa: float) -> None:
    assert quadratic_kappa(matrix) == pytest.approx(kappa)


@pytest.mark.parametrize("matrix", [[[0] * 5] * 5, [[9, 0], [0, 0]]])
def test_kappa_is_not_defined_without_eyes_or_with_one_grade_alone(matrix: list[list[int]]) -> None:
    assert quadratic_kappa(matrix) is None


def test_an_empty_agreement_has_no_rates() -> None:
    nothing = Agreement()
    assert (nothing.same, nothing.kappa, nothing.override_rate, nothing.few) == (None, None, None, True)


def test_reads_are_counted_by_reader_pack_and_month_as_first_recorded(hill: Clinic, lake: Clinic) -> None:
    settle(hill, blind_first=True)
    second = doctor(hill, "Second")
    one, other, foreign = (exam_with(clinic, Grade.MODERATE, Grade.MILD) for clinic in (hill, hill, lake))
    ask_second_read(hill.doctor, one)
    read(hill.doctor, one, both(Grade.SEVERE, Grade.MILD))
    read(hill.doctor, one, both(Grade.MODERATE, Grade.MILD))
    read(second, one, both(Grade.MODERATE, Grade.MILD))
    read(second, other, both(Grade.MODERATE, None))
    read(lake.doctor, foreign, both(Grade.MODERATE, Grade.MILD))
    today = timezone.localdate()
    report = agreement_for(hill.manager, today - timedelta(days=40), today)
    assert (report.total.reads, report.total.eyes, report.total.overridden, report.total.unreadable) == (3, 5, 2, 1)
    assert report.total.matrix[2][3] == 1
    assert (report.total.higher, report.total.lower) == (1, 0)
    assert report.blind.reads == 3
    assert {row.name: row.agreement.eyes for row in report.readers} == {"Doctor of Hill": 2, "Second": 3}
    assert [row.name for row in report.packs] == ["tiny"]
    assert report.months[-1].agreement.reads == 3
    assert len(report.months) in (2, 3)
    assert (report.between.reads, report.between.eyes) == (1, 2)
    assert report.between.matrix[3][2] == 1


def test_the_figures_are_for_those_whose_right_they_are(hill: Clinic) -> None:
    today = timezone.localdate()
    for user in (hill.doctor, hill.manager, hill.administrator):
        assert agreement_for(user, today, today).total.reads == 0
    with pytest.raises(PermissionDenied):
        agreement_for(hill.technician, today, today)
