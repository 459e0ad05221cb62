"""What is said of the macula is learned, calibrated and measured by what people said of it."""

from pathlib import Path

import numpy as np
import pytest

from retineye.grading.result import Decision, Grade, MaculaSign, PackId, Quality, Status, Verdict
from retineye.training import macula, tables
from retineye.training.figures import figures
from retineye.training.outcomes import Outcome
from retineye.training.photographs import Photograph, read_photographs, threefold_sets


def judged(n: int = 240, seed: int = 1) -> "tuple[np.ndarray, np.ndarray]":
    """Draw logits that are too sure of themselves, with risks told in three and in two steps."""
    rng = np.random.default_rng(seed)
    risks = rng.choice([0, 1, 2], n, p=[0.5, 0.15, 0.35])
    logits = rng.normal(0, 1.0, (n, 3))
    logits[np.arange(n), risks] += 1.8
    said = np.where(np.arange(n) % 2 == 0, risks, np.where(risks == 2, macula.YES, macula.NO))
    return logits * 4, said


def test_a_fit_takes_back_too_much_confidence_and_reaches_its_sensitivity() -> None:
    logits, said = judged()
    part = macula.fit(logits, said, np.ones(len(said)), [""] * len(said))
    assert part is not None
    assert max(part["scale"]) < 0.6
    assert part["sensitivity"]["value"] > 0.75
    assert part["specificity"]["value"] > 0.6
    assert part["band"][0] < part["threshold"] == part["band"][1] <= 0.5
    assert part["auc"] > 0.85


def test_nothing_is_said_of_the_macula_where_too_few_were_judged() -> None:
    logits, said = judged(60)
    said[(said == 2) | (said == macula.YES)] = 0
    assert macula.fit(logits, said, np.ones(60), [""] * 60) is None


@pytest.mark.parametrize(
    ("dme", "maculopathy", "threefold", "risk"),
    [
        (0, None, True, 0),
        (1, None, True, 1),
        (2, None, True, 2),
        (0, None, False, macula.NO),
        (1, None, False, macula.YES),
        (None, True, False, macula.YES),
        (None, False, False, macula.NO),
        (None, None, True, -1),
    ],
)
def test_each_way_of_judging_a_macula_means_one_thing(
    dme: int | None, maculopathy: bool | None, threefold: bool, risk: int
) -> None:
    assert macula.risk_of(dme, maculopathy, threefold=threefold) == risk


def test_the_table_of_photographs_tells_what_was_said_of_the_macula(tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text(
        "path,grade,dataset,dme,maculopathy\na.jpg,0,three,0,\nb.jpg,2,three,2,\nc.jpg,,two,1,\nd.jpg,1,other,,1\n"
    )
    rows = read_photographs(tmp_path / "photos.csv")
    assert [(row.dme, row.maculopathy) for row in rows] == [(0, None), (2, None), (1, None), (None, True)]
    assert threefold_sets(rows) == {"three"}


@pytest.mark.train
def test_the_loss_falls_only_for_what_was_judged() -> None:
    import torch

    from retineye.training.loss import dme_loss

    logits = torch.tensor([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]])
    right = dme_loss(logits, torch.tensor([0, macula.NO, macula.YES]))
    wrong = dme_loss(logits, torch.tensor([2, macula.YES, macula.NO]))
    assert float(right) < 0.1 < 2 < float(wrong)
    assert float(dme_loss(logits, torch.tensor([-1, -1, -1]))) == 0


def outcome(truth: int | None, grade: int, dme: int | None, risk: int, near: float) -> Outcome:
    photograph = Photograph(Path("x.jpg"), "x.jpg", "set", truth, dme=dme)
    share = (1 - near) / 2
    sign = MaculaSign((share, share, near), risk, Decision(near, near >= 0.4), uncertain=False)
    verdict = Verdict(
        Status.GRADED, Quality(True, 1.0, {}), PackId("test", "0" * 64), 0.1, grade=Grade(grade),
        probabilities=(0.2, 0.2, 0.2, 0.2, 0.2), expected_grade=2.0, referable=Decision(0.6, decision=True),
        vision_threatening=Decision(0.4, decision=False), macula=sign,
    )  # fmt: skip
    return Outcome(photograph, "graded", verdict)


def test_grade_and_macula_count_together_only_where_both_are_right() -> None:
    some = [outcome(2, 2, 2, 2, 0.9), outcome(1, 2, 2, 2, 0.8), outcome(0, 0, 0, 0, 0.1), outcome(0, 0, 1, 0, 0.2)]
    row = figures(some, 200, 0)
    assert row["macula"]["risk_right"]["value"] == 0.75
    assert row["macula"]["grade_and_risk_right"]["value"] == 0.5
    assert row["macula"]["auc"]["value"] == 1.0
    assert row["macula"]["sensitivity"] == {**row["macula"]["sensitivity"], "value": 1.0, "n": 2}
    title, heads, lines = tables.macula_tables([row | {"set": "some"}])[0]
    assert len(heads) == len(lines[0])
    assert "suspected" in title


def test_a_set_that_nobody_judged_has_no_table_of_the_macula() -> None:
    row = figures([outcome(2, 2, None, 2, 0.9)], 200, 0)
    assert row["macula"] is None
    assert tables.macula_tables([row | {"set": "some"}]) == []
