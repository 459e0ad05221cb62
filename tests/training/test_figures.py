"""Figures of a set are checked on verdicts made by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from retineye.grading.result import Decision, Eye, Grade, PackId, Quality, Reason, Status, Verdict
from retineye.training import tables
from retineye.training.figures import figures
from retineye.training.outcomes import UNREADABLE, Outcome, table_of
from retineye.training.photographs import Photograph

PACK = PackId("test", "0" * 64)
GOOD = Quality(True, 1.0, {})


def outcome(
    truth: int | None,
    given: int | None,
    *,
    reason: Reason | None = None,
    uncertain: bool = False,
    patient: str = "",
    sure: float = 0.8,
) -> Outcome:
    """Make one outcome: `given` None with a reason is ungradable, without one unreadable."""
    photograph = Photograph(Path("x.jpg"), "x.jpg", "set", truth, patient=patient, eye=Eye.RIGHT)
    if given is None and reason is None:
        return Outcome(photograph, UNREADABLE, None, error="EmptyFileError: no bytes")
    if reason is not None:
        status = Status.NOT_FUNDUS if reason is Reason.NOT_A_RETINA else Status.UNGRADABLE
        verdict = Verdict(status, Quality(False, 0.1, {}, (reason,)), PACK, 0.1)
        return Outcome(photograph, status.value, verdict)
    assert given is not None
    shares = [(1 - sure) / 4] * 5
    shares[given] = sure
    a, b, c, d, e = shares
    verdict = Verdict(
        Status.GRADED,
        GOOD,
        PACK,
        0.1,
        grade=Grade(given),
        probabilities=(a, b, c, d, e),
        expected_grade=sum(grade * share for grade, share in enumerate(shares)),
        referable=Decision(sum(shares[2:]), given >= 2),
        vision_threatening=Decision(sum(shares[3:]), given >= 3),
        uncertain=uncertain,
    )
    return Outcome(photograph, Status.GRADED.value, verdict)


def made(outcomes: list[Outcome]) -> dict[str, Any]:
    return figures(outcomes, 200, 0)


def test_a_perfect_pack_has_perfect_figures_with_room_for_doubt() -> None:
    row = made([outcome(grade, grade, sure=1.0) for grade in (0, 1, 2, 3, 4)] * 4)
    assert row["accuracy"]["value"] == row["kappa"]["value"] == 1
    assert row["accuracy"]["low"] == pytest.approx(0.839, abs=0.001)  # Wilson, 20 of 20
    for name in ("referable", "vision_threatening"):
        assert row[name]["auc"]["value"] == row[name]["sensitivity"]["value"] == row[name]["specificity"]["value"] == 1
    assert row["calibration"]["ece"]["value"] == 0
    assert [recall["value"] for recall in row["recall"]] == [1] * 5
    assert row["ungradable"]["value"] == 0


def test_a_constant_pack_is_seen_through() -> None:
    row = made([outcome(grade, 0) for grade in (0, 1, 2, 3, 4)] * 4)
    assert row["accuracy"]["value"] == pytest.approx(0.2)
    assert row["kappa"]["value"] == pytest.approx(0)
    assert row["referable"]["auc"]["value"] == 0.5
    assert row["referable"]["sensitivity"]["value"] == 0
    assert row["uncertain"]["severe_called_none_and_sure"]["count"] == 8


def test_ungradable_photographs_are_counted_apart_and_referred_in_the_worst_case() -> None:
    row = made(
        [
            outcome(2, 2),
            outcome(2, 0),
            outcome(0, 0),
            outcome(4, None, reason=Reason.OUT_OF_FOCUS),
            outcome(0, None, reason=Reason.NOT_A_RETINA),
            outcome(0, None),
        ]
    )
    assert (row["n"], row["unreadable"], row["not_fundus"], row["n_graded"]) == (6, 1, 1, 3)
    assert row["ungradable"]["value"] == pytest.approx(2 / 5)
    assert row["ungradable"]["reasons"] == {"not_a_retina": 1, "out_of_focus": 1}
    assert row["referable"]["sensitivity"]["value"] == 0.5
    assert row["referable"]["specificity"]["value"] == 1
    worst = row["referable"]["ungradable_referred"]
    assert worst["sensitivity"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert worst["specificity"]["value"] == 0.5
    assert (worst["sensitivity"]["n"], worst["specificity"]["n"]) == (3, 2)


def test_photographs_without_a_grade_count_for_gradability_alone() -> None:
    row = made([outcome(None, 2), outcome(None, None, reason=Reason.TOO_DARK), outcome(1, 1)])
    assert row["n_graded"] == 1
    assert row["ungradable"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert row["confusion"][1][1] == 1
    assert sum(map(sum, row["confusion"])) == 1


def test_severe_disease_called_none_is_excused_only_by_the_uncertain_mark() -> None:
    row = made([outcome(4, 0), outcome(3, 0, uncertain=True), outcome(3, 3), outcome(0, 0)])
    slipped = row["uncertain"]["severe_called_none_and_sure"]
    assert (slipped["count"], slipped["n"]) == (1, 3)
    assert row["uncertain"]["share"]["value"] == 0.25


def test_nothing_graded_gives_empty_figures_instead_of_a_crash() -> None:
    row = made([outcome(2, None, reason=Reason.TOO_DARK), outcome(0, None)])
    assert row["accuracy"] == {"value": None, "low": None, "high": None, "n": 0}
    assert row["risk_coverage"] == []
    text = json.dumps(row, allow_nan=False)
    assert "NaN" not in text
    content = {
        "pack": {"id": "x", "sha256": "0" * 64},
        "photographs": {"n": 2},
        "intervals": {"replicates": 200},
        "rows": [{"set": "s"} | row],
        "subgroups": [],
    }
    assert "Grades" in tables.evaluation_text(content)


def test_it_is_said_where_patients_are_not_named() -> None:
    rows = [
        {"set": "with"} | made([outcome(0, 0, patient="p1"), outcome(2, 2, patient="p1")]),
        {"set": "without"} | made([outcome(0, 0)]),
    ]
    assert [row["patients"] for row in rows] == [1, 0]
    sentence = tables.intervals_sentence({"intervals": {"replicates": 200}, "rows": rows})
    assert "No patients are named in without:" in sentence


def test_both_eyes_of_a_patient_widen_the_interval() -> None:
    def width(with_patients: bool) -> float:
        outcomes = [
            outcome(2, 2 if patient % 3 else 1, patient=f"p{patient}" if with_patients else "")
            for patient in range(60)
            for _ in range(2)
        ]
        accuracy = made(outcomes)["accuracy"]
        return float(accuracy["high"] - accuracy["low"])

    assert width(True) > 1.2 * width(False)


def test_each_photograph_is_listed_with_what_was_said_of_it() -> None:
    rows = table_of([outcome(2, 3), outcome(0, None, reason=Reason.TOO_DARK), outcome(1, None)])
    assert [row["status"] for row in rows] == ["graded", "ungradable", "unreadable"]
    assert (rows[0]["grade"], rows[0]["given"], rows[0]["referable"]) == (2, 3, True)
    assert rows[1]["reasons"] == "too_dark"
    assert rows[1]["given"] == rows[1]["p0"] == ""
    assert "EmptyFileError" in str(rows[2]["reasons"])
    assert len({tuple(row) for row in rows}) == 1


def test_tables_line_up_in_the_terminal_and_in_markdown() -> None:
    table = ("Title", ("set", "n"), [("idrid", "103"), ("x", "7")])
    assert tables.plain(table) == "Title\nset    n\n-----  ---\nidrid  103\nx      7"
    assert tables.markdown(table, titled=False) == "| set | n |\n| --- | --- |\n| idrid | 103 |\n| x | 7 |"
