"""The model card shows what the pack missed by most, and only photographs that may be shown."""

from pathlib import Path

from retineye.grading.decode import decode
from retineye.grading.result import Decision, Grade, PackId, Quality, Status, Verdict
from retineye.training.gallery import SIDE_PX, misses, write_gallery
from retineye.training.model_card import _gallery
from retineye.training.outcomes import Outcome
from retineye.training.photographs import Photograph

IDRID = Path(__file__).parents[1] / "idrid" / "small_IDRiD_004_test.jpg"


def outcome(name: str, truth: int, given: int, surety: float, licence: str = "CC-BY-4.0") -> Outcome:
    shares = [(1 - surety) / 4] * 5
    shares[given] = surety
    a, b, c, d, e = shares
    verdict = Verdict(
        Status.GRADED, Quality(True, 1.0, {}), PackId("test", "0" * 64), 0.1, grade=Grade(given),
        probabilities=(a, b, c, d, e), expected_grade=0.0, referable=Decision(0.5, decision=given >= 2),
        vision_threatening=Decision(0.5, decision=given >= 3),
    )  # fmt: skip
    return Outcome(Photograph(IDRID, name, "set", truth, licence=licence), "graded", verdict)


SOME = [
    outcome("right.jpg", 2, 2, 0.9),
    outcome("near.jpg", 2, 1, 0.9),
    outcome("far.jpg", 4, 0, 0.5),
    outcome("far-and-sure.jpg", 4, 0, 0.9),
    outcome("may-not-be-shown.jpg", 4, 0, 0.99, "Kaggle 2015 competition rules"),
]


def test_the_widest_and_surest_misses_come_first_and_others_rights_are_kept() -> None:
    assert [miss.outcome.photograph.name for miss in misses(SOME)] == ["far-and-sure.jpg", "far.jpg", "near.jpg"]


def test_small_copies_are_written_and_the_card_shows_them(tmp_path: Path) -> None:
    shown = write_gallery(tmp_path, SOME)
    assert [one["file"] for one in shown] == ["miss-1.jpg", "miss-2.jpg", "miss-3.jpg"]
    copy = decode((tmp_path / "miss-1.jpg").read_bytes())
    assert max(copy.width_px, copy.height_px) == SIDE_PX
    text = _gallery(shown, "model-card")
    assert "![far-and-sure.jpg](model-card/miss-1.jpg)" in text
    assert "Proliferative DR | No DR | 0.025 | no" in text
    assert _gallery([], "model-card") == ""
