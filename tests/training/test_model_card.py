"""The model card says what card and evaluation say, and nothing else."""

import re
from typing import Any

import pytest

from retineye.training.figures import brief, figures
from retineye.training.model_card import render
from tests.training.test_figures import outcome

SHA = "ab" * 32


def evaluation() -> dict[str, Any]:
    row = figures([outcome(grade, given) for grade, given in [(0, 0), (1, 0), (2, 2), (3, 4), (4, 4)] * 5], 100, 0)
    return {
        "schema": "retineye.evaluation/1",
        "pack": {"id": "lite0-test", "sha256": SHA},
        "photographs": {"n": 25, "sha256": "0" * 64},
        "intervals": {"level": 0.95, "replicates": 100, "seed": 0},
        "rows": [{"set": "idrid test"} | row],
        "subgroups": [{"by": "eye", "name": eye} | brief(row) for eye in ("left", "right")],
    }


def card() -> dict[str, Any]:
    share = {"value": 0.91, "low": 0.85, "high": 0.96, "n": 120}
    point = {
        "threshold": 0.31,
        "band": [0.2, 0.5],
        "sensitivity": share,
        "specificity": share,
        "n": 400,
        "how": "folds",
    }
    return {
        "id": "lite0-test",
        "created": "2026-11-25",
        "licence": "research only",
        "intended_use": "Screening support in adults.",
        "limits": ["Never tried on phone cameras."],
        "input": {"size_px": 320},
        "calibration": {"method": "vector", "fitted": "vector", "n": 400, "data": "held-out photographs",
                        "ece_before": 0.08, "ece_after": 0.02, "cut_points": [0.5, 1.4, 2.5, 3.5]},
        "operating_points": {"referable": point, "vision_threatening": point | {"threshold": 0.25}},
        "gradability": {"thresholds": {}, "evidence": {"good stopped": "3 of 877"}},
        "training": {
            "data_sets": [{"name": "idrid", "source": "India, one camera", "licence": "CC BY 4.0",
                           "counts": {"0": 134, "1": 20, "2": 136, "3": 74, "4": 49}}],
            "split": "by patient", "seed": 7, "config_sha256": "cd" * 32,
        },
        "versions": {"torch": "2.14.1"},
        "commit": "abc1234",
    }  # fmt: skip


def test_the_card_names_use_limits_data_terms_and_what_it_was_never_tried_on() -> None:
    text = render(card(), evaluation(), pack_sha256=SHA)
    for words in (
        "Screening support in adults.",
        "not a cleared medical device",
        "Never tried on phone cameras.",
        "under 18",
        "pregnancy",
        "| idrid | India, one camera | CC BY 4.0 | 134 | 20 | 136 | 74 | 49 |",
        "Split: by patient",
        SHA,
        "abc1234",
        "3 of 877",
    ):
        assert words in text


def test_the_card_prints_every_figure_of_the_evaluation_with_its_interval() -> None:
    text, row = render(card(), evaluation(), pack_sha256=SHA), evaluation()["rows"][0]
    for estimate in (
        row["accuracy"],
        row["kappa"],
        row["referable"]["auc"],
        row["vision_threatening"]["sensitivity"],
        row["calibration"]["ece"],
        row["recall"][3],
    ):
        assert f"{estimate['value']:.3f} ({estimate['low']:.3f}–{estimate['high']:.3f})" in text
    assert "0.910 (0.850–0.960)" in text  # the stored operating point
    assert "0.310" in text
    assert "By eye" in text


def test_the_card_shows_the_plots_that_evaluate_writes() -> None:
    text = render(card(), evaluation(), pack_sha256=SHA, plots="figures")
    pictures = re.findall(r"\((figures/[^)]*)\)", text)
    assert [picture.removeprefix("figures/") for picture in pictures] == [
        f"{kind}-idrid-test.svg" for kind in ("confusion", "roc", "reliability", "risk-coverage")
    ]
    assert "svg" not in render(card(), evaluation(), pack_sha256=SHA, plots="")


def test_every_table_has_as_many_cells_as_heads() -> None:
    for block in render(card(), evaluation(), pack_sha256=SHA).split("\n\n"):
        lines = block.splitlines()
        if lines and lines[0].startswith("|"):
            assert len({line.count("|") for line in lines}) == 1, block


def test_figures_stored_in_the_pack_stand_beside_those_of_the_evaluation() -> None:
    alone = render(card(), evaluation(), pack_sha256=SHA)
    held = {"set": "srahim (held-out)"} | figures([outcome(grade, grade) for grade in (0, 2, 4)] * 4, 50, 0)
    repeated = evaluation()["rows"][0] | {"set": "idrid (test)"}
    both = render(card() | {"evaluation": [repeated, held]}, evaluation(), pack_sha256=SHA)
    assert "Beside it" not in alone
    assert "srahim (held-out)" in both
    assert "idrid (test)" not in both


def test_figures_of_another_pack_are_refused() -> None:
    with pytest.raises(ValueError, match="Run `retineye evaluate` on the pack itself"):
        render(card(), evaluation(), pack_sha256="00" * 32)


def test_what_is_outlined_is_told_with_how_right_it_is() -> None:
    assert "Possible lesions" not in render(card(), evaluation(), pack_sha256=SHA)
    row = {"n": 27, "with_it": 20, "found": 17, "marks": 90, "right_marks": 66, "average_precision": 0.4321}
    part = {
        "codes": ["MA", "HE", "EX", "SE"],
        "thresholds": [0.31, 0.42, 0.53, 0.64],
        "healthy": {"n": 212, "shown": [0.05, 0.04, 0.03, 0.01], "any_shown": 0.11},
        "how": "set by hand",
        "evidence": [row | {"code": code} for code in ("MA", "HE", "EX", "SE")],
    }
    text = render(card() | {"lesions": part}, evaluation(), pack_sha256=SHA)
    assert "| haemorrhages | 0.42 | 4 % | 17 of 20 | 66 of 90 | 0.432 |" in text
    assert "212 held-out photographs without retinopathy (11 % of them bear a mark" in text
    assert "no grade and no referral is decided by them" in text
