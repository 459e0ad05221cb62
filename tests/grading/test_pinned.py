"""The shipped pack grades IDRiD photographs today as it did when it was packed: no library moves them in silence.

After a new pack is shipped, make the table anew: `.venv/bin/python -m tests.grading.test_pinned`.
"""

import json
from pathlib import Path

import pytest

from retineye.grading import Grader, Verdict

IDRID = Path(__file__).parents[1] / "idrid"
TABLE = Path(__file__).with_name("pinned.json")
PINNED = json.loads(TABLE.read_text()) if TABLE.exists() else {"photographs": {}}
TOLERANCE = 0.01
"""By how much a probability may move: processors differ in the last digits, libraries must not differ in more."""


def pinned(verdict: Verdict) -> dict[str, object]:
    return {
        "status": verdict.status.value,
        "grade": verdict.grade,
        "uncertain": verdict.uncertain,
        "probabilities": verdict.probabilities and [round(one, 4) for one in verdict.probabilities],
    }


@pytest.fixture(scope="module")
def grader() -> Grader:
    return Grader.from_pack(threads=1)


def test_the_table_is_of_the_shipped_pack_and_of_at_least_20_photographs(grader: Grader) -> None:
    assert PINNED["pack"] == grader.pack_id.sha256
    assert len(PINNED["photographs"]) >= 20
    assert set(PINNED["photographs"]) == {path.name for path in IDRID.glob("*.jpg")}


@pytest.mark.parametrize("name", sorted(PINNED["photographs"]))
def test_a_photograph_is_graded_as_on_the_day_of_packing(grader: Grader, name: str) -> None:
    now, then = pinned(grader.grade((IDRID / name).read_bytes())), PINNED["photographs"][name]
    assert now["status"] == then["status"]
    assert now["grade"] == then["grade"]
    if then["probabilities"] is not None:
        assert now["probabilities"] == pytest.approx(then["probabilities"], abs=TOLERANCE)


if __name__ == "__main__":
    shipped = Grader.from_pack(threads=1)
    photographs = {path.name: pinned(shipped.grade(path.read_bytes())) for path in sorted(IDRID.glob("*.jpg"))}
    TABLE.write_text(json.dumps({"pack": shipped.pack_id.sha256, "photographs": photographs}, indent=1) + "\n")
