"""A pack is evaluated on real files through the very path that grades in the clinic."""

import csv
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from retineye.cli import app
from retineye.grading import Grader
from retineye.grading.calibrate import calibrate
from retineye.grading.pack import Card
from retineye.grading.result import Status
from retineye.training import calibration, scaling
from retineye.training.evaluate import POOLED, Evaluation, evaluate, write_folder
from retineye.training.photographs import Photograph, read_photographs
from tests import photos
from tests.packs import tiny_card, write_tiny_pack

IDRID = Path(__file__).parents[1] / "idrid"


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Grader:
    return Grader.from_pack(write_tiny_pack(tmp_path_factory.mktemp("pack") / "tiny"), threads=1, allow_test=True)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Photograph]:
    """Two sets: IDRiD's small photographs, and drawn ones with a black one and a broken file among them."""
    folder = tmp_path_factory.mktemp("photographs")
    with (IDRID / "labels.csv").open(newline="") as stream:
        graded = [(IDRID / row["file"], "idrid", row["grade"], "", "") for row in csv.DictReader(stream)]
    for number in range(4):
        path = folder / f"drawn-{number}.png"
        path.write_bytes(photos.encode(photos.retina(seed=number)))
        graded.append((path, "drawn", str(number), f"p{number // 2}", ("right", "left")[number % 2]))
    (folder / "black.png").write_bytes(photos.encode(np.zeros((480, 640, 3), np.uint8)))
    (folder / "broken.jpg").write_bytes((IDRID / "small_IDRiD_004_test.jpg").read_bytes()[:9000])
    table = folder / "photos.csv"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "dataset", "grade", "patient", "laterality"])
        writer.writerows(row for row in graded if "small" in row[0].name or row[1] == "drawn")
        writer.writerow([folder / "black.png", "drawn", "", "", ""])
        writer.writerow([folder / "broken.jpg", "drawn", "2", "", ""])
        writer.writerow(["nowhere.jpg", "drawn", "2", "", ""])
    return read_photographs(table)


@pytest.fixture(scope="module")
def evaluation(grader: Grader, photographs: list[Photograph]) -> Evaluation:
    return evaluate(grader, photographs, replicates=100)


def test_every_photograph_is_accounted_for(evaluation: Evaluation, photographs: list[Photograph]) -> None:
    rows = {row["set"]: row for row in evaluation.content["rows"]}
    assert list(rows) == ["idrid", "drawn", POOLED]
    for name, row in rows.items():
        statuses = [outcome.status for outcome in evaluation.sets[name]]
        assert row["n"] == len(statuses)
        assert row["n_graded"] == statuses.count(Status.GRADED)
        assert row["unreadable"] == statuses.count("unreadable")
    assert rows[POOLED]["n"] == len(photographs)
    assert rows["drawn"]["unreadable"] == 2
    assert rows["drawn"]["ungradable"]["stopped"] == 1
    assert rows["idrid"]["n_graded"] >= 15


def test_the_figures_are_those_of_the_verdicts_that_grading_gives(evaluation: Evaluation, grader: Grader) -> None:
    for outcome in evaluation.sets["idrid"][:3]:
        verdict = grader.grade(outcome.photograph.path.read_bytes())
        assert outcome.verdict is not None
        assert (verdict.grade, verdict.probabilities) == (outcome.verdict.grade, outcome.verdict.probabilities)
    counts = np.array(evaluation.content["rows"][0]["confusion"])
    for outcome in evaluation.sets["idrid"]:
        if outcome.verdict and outcome.verdict.grade is not None and outcome.photograph.grade is not None:
            counts[outcome.photograph.grade, outcome.verdict.grade] -= 1
    assert not counts.any()


def test_evaluating_twice_and_with_two_jobs_gives_the_same_json(
    evaluation: Evaluation, grader: Grader, photographs: list[Photograph]
) -> None:
    again = evaluate(grader, photographs, jobs=2, replicates=100)
    assert again.as_json() == evaluation.as_json()
    assert "NaN" not in evaluation.as_json()
    assert json.loads(evaluation.as_json())["pack"]["id"] == "tiny-test"


def test_the_folder_holds_figures_plots_and_a_line_for_each_photograph(evaluation: Evaluation, tmp_path: Path) -> None:
    written = write_folder(tmp_path / "results", evaluation)
    assert all(path.stat().st_size for path in written)
    names = {path.name for path in written}
    assert {"evaluation.json", "evaluation.txt", "photographs.csv"} <= names
    for path in written:
        if path.suffix == ".svg":
            ET.parse(path)
    for name in ("idrid", "drawn", "pooled"):
        assert f"roc-{name}.svg" in names
    with (tmp_path / "results" / "photographs.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == len(evaluation.sets[POOLED])
    text = (tmp_path / "results" / "evaluation.txt").read_text()
    for title in ("Grades", "Referable", "Vision-threatening", "Recall by grade", "Calibration error", "Doubt"):
        assert title in text


def test_subgroups_appear_where_two_of_them_are_large_enough(
    grader: Grader, photographs: list[Photograph], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = [photograph for photograph in photographs if "drawn-" in photograph.name]
    assert evaluate(grader, drawn, replicates=20).content["subgroups"] == []
    monkeypatch.setattr("retineye.training.evaluate.LEAST_IN_SUBGROUP", 2)
    parts = evaluate(grader, drawn, replicates=20).content["subgroups"]
    assert [(part["by"], part["name"], part["n"]) for part in parts] == [("eye", "left", 2), ("eye", "right", 2)]


def test_progress_is_told_for_each_photograph(grader: Grader, photographs: list[Photograph]) -> None:
    told: list[int] = []
    evaluate(grader, photographs[:3], replicates=10, on_graded=lambda: told.append(1))
    assert len(told) == 3


@pytest.fixture(scope="module")
def own_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = tmp_path_factory.mktemp("own") / "photos.csv"
    lines = [f"{IDRID / f'small_IDRiD_{name}_test.jpg'},{grade}" for name, grade in (("004", 4), ("044", 0))]
    table.write_text("\n".join(["path,grade", *lines]) + "\n")
    return table


def test_the_command_prints_json_and_writes_folder_and_model_card(own_table: Path, tmp_path: Path) -> None:
    pack = write_tiny_pack(tmp_path / "pack", purpose="screening-support")
    options = ["--out", str(tmp_path / "plots"), "--model-card", str(tmp_path / "card.md"), "--format", "json"]
    result = CliRunner().invoke(app, ["evaluate", str(pack), str(own_table), *options])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["photographs"]["n"] == 2
    assert (tmp_path / "plots" / "evaluation.json").read_text() == result.stdout
    assert "(plots/roc-photos.svg)" in (tmp_path / "card.md").read_text()
    text = CliRunner().invoke(app, ["evaluate", str(pack), str(own_table), "--where", "grade=4"])
    assert text.exit_code == 0
    assert "on 1 photograph." in text.stdout


def test_the_command_exits_3_on_a_pack_and_2_on_a_table_that_can_not_be_used(own_table: Path, tmp_path: Path) -> None:
    missing = CliRunner().invoke(app, ["evaluate", str(tmp_path / "none"), str(own_table)])
    assert (missing.exit_code, "pack_missing" in missing.stderr) == (3, True)
    for_tests = write_tiny_pack(tmp_path / "pack")
    refused = CliRunner().invoke(app, ["evaluate", str(for_tests), str(own_table)])
    assert (refused.exit_code, "for tests alone" in refused.stderr) == (3, True)
    wrong = CliRunner().invoke(app, ["evaluate", str(for_tests), str(own_table), "--where", "camera=x"])
    assert (wrong.exit_code, "column=value" in wrong.stderr) == (2, True)


@pytest.mark.parametrize("cuts", [None, [0.6, 1.3, 2.4, 3.6]])
def test_the_rules_that_choose_the_thresholds_are_the_rules_that_are_served(cuts: list[float] | None) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (300, 5))
    points = {
        "referable": {"threshold": 0.4, "band": [0.3, 0.55]},
        "vision_threatening": {"threshold": 0.25, "band": [0.2, 0.3]},
    }
    fitted = {"method": "vector", "scale": [0.8, 1.0, 1.1, 0.9, 1.2], "bias": [0.3, 0.0, -0.2, 0.1, 0.0]}
    card = Card.from_dict(tiny_card(calibration=fitted | {"cut_points": cuts}, operating_points=points))
    probabilities = scaling.Scaling(np.array(fitted["scale"]), np.array(fitted["bias"])).probabilities(logits)
    served = calibration.serve(probabilities, cuts, points)
    for place, row in enumerate(logits):
        said = calibrate(row.astype(np.float64), card)
        assert said.probabilities == pytest.approx(probabilities[place])
        assert (said.grade, said.referable.decision, said.vision_threatening.decision, said.uncertain) == (
            served.grade[place],
            served.referable[place],
            served.vision_threatening[place],
            served.uncertain[place],
        )


def test_evaluation_and_calibration_import_neither_torch_nor_django() -> None:
    program = (
        "import sys\n"
        "import retineye.training.evaluate, retineye.training.calibration, retineye.training.model_card\n"
        "import retineye.training.plots, retineye.training.metrics\n"
        "assert not {'torch', 'timm', 'torchvision', 'django'} & {name.split('.')[0] for name in sys.modules}\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
