"""The gate is learned from photographs that people judged, and from pictures that are no retina."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from retineye.cli import app
from retineye.grading import Gradability, Reason, assess, find_retina
from retineye.training.gradability import learn, learn_gate, measure_all
from retineye.training.others import drawn, dressed
from retineye.training.photographs import PhotographsError, read_photographs
from tests import photos

FAULTS = [{"blur": 0.03}, {"light": 0.15}, {"shadow": 0.95}]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of drawn photographs: good ones, somewhat softer usable ones, and rejects of three kinds."""
    folder = tmp_path_factory.mktemp("photographs")
    rows = []
    for number in range(30):
        quality = ("good", "usable", "reject")[number % 3]
        changes = {"good": {}, "usable": {"blur": 0.004}, "reject": FAULTS[number // 3 % 3]}[quality]
        picture = photos.retina(width_px=330, height_px=320, seed=number, lesions=number % 4, **changes)
        (folder / f"{number}.png").write_bytes(photos.encode(picture))
        rows.append([f"{number}.png", "0", quality, f"patient {number}", "test" if number == 29 else ""])
    (folder / "others").mkdir()
    for name, draw in photos.NOT_RETINAS.items():
        (folder / "others" / f"{name}.png").write_bytes(photos.encode(draw()))
    with (folder / "photos.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["path", "grade", "quality", "patient", "split"], *rows])
    return folder / "photos.csv"


def test_a_gate_is_learned_that_holds_on_new_photographs(table: Path) -> None:
    examples = measure_all(read_photographs(table), [table.parent / "others"], drawings=36, parts=2)
    part = learn(examples)
    gate = Gradability.from_card(json.loads(json.dumps(part)))
    good = photos.retina(width_px=330, height_px=320, seed=90)
    assert assess(good, find_retina(good), gate).gradable
    for fault in FAULTS:
        poor = photos.retina(width_px=330, height_px=320, seed=91, **fault)
        assert not assess(poor, find_retina(poor), gate).gradable
    page = photos.document(500, 700)
    assert assess(page, find_retina(page), gate).reasons == (Reason.NOT_A_RETINA,)
    assert int(part["evidence"]["photos, good"].split(" of 10 stopped")[0]) <= 2
    assert "of 11 stopped" in part["evidence"]["other pictures"]


def test_a_table_without_judged_photographs_teaches_no_gate(tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text("path,grade,quality\na.png,0,good\n")
    with pytest.raises(PhotographsError, match="reject, usable"):
        learn_gate(tmp_path / "photos.csv", [])
    result = CliRunner().invoke(app, ["learn-gate", str(tmp_path / "photos.csv"), "--out", str(tmp_path / "gate.json")])
    assert result.exit_code == 2
    assert not (tmp_path / "gate.json").exists()


def test_the_same_seed_draws_the_same_pictures() -> None:
    first, second = (list(drawn(12, np.random.default_rng(4))) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(picture.shape == (448, 448, 3) and picture.dtype == np.uint8 for picture in first)


def test_parts_of_a_picture_are_dressed_up_in_four_ways() -> None:
    parts = list(dressed(photos.screen(), 4, np.random.default_rng(1)))
    assert len(parts) == 4
    round_ones = [part for part in parts if part[0, 0].max() < 20 and part[-1, -1].max() < 20]
    assert len(round_ones) >= 2
