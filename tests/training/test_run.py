"""One command makes a pack from a config, goes on after a stop, and what it makes can grade."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from retineye.grading import Grader, ModelPack
from retineye.training.config import ConfigError, TrainingConfig
from retineye.training.display import Display
from retineye.training.photographs import Photograph
from retineye.training.progress import TrainingProgress
from tests import photos

CONFIGS = Path(__file__).parents[2] / "configs"
TINY = """
id = "tiny"
sets = ["drawn"]
size_px = 64
schedule = [[1, 48], [1, 64]]
backbone = "test_efficientnet"
weights = "none"
holdout = 0.3
batch = 8
purpose = "test"
gradability = "gate.json"
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    drawn = [photos.retina(width_px=160, height_px=160, lesions=6 * grade, seed=grade) for grade in range(5)]
    with (folder / "photos.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "dataset", "grade", "patient", "split", "licence"])
        for number in range(60):
            grade, variant = number % 5, number // 5
            pixels = np.rot90(drawn[grade], variant % 4)[:: -1 if variant >= 4 else 1]
            pixels = np.roll(pixels, 3 * variant, axis=0) if variant >= 8 else pixels
            (folder / f"{number}.png").write_bytes(photos.encode(np.ascontiguousarray(pixels)))
            use = "test" if number >= 50 else "train"
            writer.writerow([f"{number}.png", "drawn", grade, f"p{number // 2}", use, "drawn"])
    return folder / "photos.csv"


def config_file(folder: Path, text: str = TINY) -> Path:
    shutil.copyfile(Path(__file__).parents[1] / "gradability.json", folder / "gate.json")
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


@pytest.mark.train
def test_a_run_ends_in_a_verified_pack_that_grades(table: Path, tmp_path: Path) -> None:
    from retineye.training.run import train

    told = []
    pack = train(config_file(tmp_path), table, tmp_path / "run", threads=2, on_progress=told.append)
    assert pack is not None
    grader = Grader.from_pack(pack.folder, threads=1, allow_test=True)
    verdict = grader.grade((table.parent / "3.png").read_bytes())
    assert verdict.pack == ModelPack.load(tmp_path / "run" / "pack").id
    card = json.loads((tmp_path / "run" / "pack" / "card.json").read_text())
    assert card["training"]["data_sets"][0]["licence"] == "drawn"
    assert sum(card["training"]["data_sets"][0]["counts"]) + sum(card["training"]["held_out"][0]["counts"]) == 50
    assert card["evaluation"]
    assert (tmp_path / "run" / "model-card.md").read_text().startswith("# ")
    assert {told[-1].epoch, told[-1].epochs} == {2}
    assert told[-1].images == told[-1].images_in_epoch
    used = list(csv.DictReader((tmp_path / "run" / "split.csv").read_text().splitlines()))
    assert not {row["path"] for row in used} & {f"{number}.png" for number in range(50, 60)}


@pytest.mark.train
def test_a_stopped_run_goes_on_from_its_checkpoint(table: Path, tmp_path: Path) -> None:
    from retineye.training.run import train

    class Stopped(Exception):
        pass

    def stop_in_second_epoch(progress: object) -> None:
        if progress.epoch == 2:  # type: ignore[attr-defined]
            raise Stopped

    config = config_file(tmp_path)
    with pytest.raises(Stopped):
        train(config, table, tmp_path / "run", threads=2, on_progress=stop_in_second_epoch)
    with pytest.raises(FileExistsError, match="--resume"):
        train(config, table, tmp_path / "run", threads=2)
    epochs = []
    train(config, table, tmp_path / "run", threads=2, resume=True, on_progress=lambda told: epochs.append(told.epoch))
    assert set(epochs) == {2}
    kept = [json.loads(line)["epoch"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert kept == [1, 2]


@pytest.mark.train
def test_a_checkpoint_of_another_config_is_refused(table: Path, tmp_path: Path) -> None:
    from retineye.training.run import train

    train(config_file(tmp_path), table, tmp_path / "run", threads=2)
    other = config_file(tmp_path, TINY.replace("batch = 8", "batch = 4"))
    with pytest.raises(ValueError, match="another config"):
        train(other, table, tmp_path / "run", threads=2, resume=True)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_each_config_in_the_repository_can_be_read(path: Path) -> None:
    assert TrainingConfig.read(path).epochs >= 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id = ", "TOML"),
        (TINY + "colour = 1\n", "unknown key colour"),
        (TINY.replace("holdout = 0.3", "holdout = 0.7"), "holdout"),
        (TINY.replace("schedule = [[1, 48], [1, 64]]", "schedule = []"), "schedule"),
        (TINY.replace("size_px = 64\n", ""), "size_px"),
    ],
)
def test_a_wrong_config_is_refused_with_the_key_that_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        TrainingConfig.read(config_file(tmp_path, text))


def test_sizes_follow_the_schedule(tmp_path: Path) -> None:
    config = TrainingConfig.read(config_file(tmp_path, TINY.replace("[1, 48]", "[3, 48]")))
    assert [config.size_at(epoch) for epoch in range(4)] == [48, 48, 48, 64]


def test_progress_is_told_in_lines_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    with Display(Console(file=out, force_terminal=False, width=120)) as display:
        display.say("Training")
        display.show(TrainingProgress(2, 10, 320, 3200, 3200, 9.87, 1.2345, 3900))
    assert out.getvalue().splitlines() == [
        "Training",
        "epoch 2/10 at 320 px  3200/3200  9.9 images/s  loss 1.234  1 h 05 min left",
    ]


def test_the_bar_on_a_terminal_shows_epoch_speed_and_time_left() -> None:
    out = io.StringIO()
    with Display(Console(file=out, force_terminal=True, width=120)) as display:
        display.show(TrainingProgress(3, 10, 224, 320, 3200, 21.04, 0.9, 40))
    shown = out.getvalue()
    assert "3/10 at 224 px" in shown
    assert "21.0 images/s" in shown
    assert "40 s left" in shown


@pytest.mark.train
def test_a_set_without_every_grade_sets_no_operating_point_and_the_others_count_alike() -> None:
    from retineye.training.run import in_whole_sets, set_weights

    def some(dataset: str, grades: list[int]) -> list[Photograph]:
        return [Photograph(path=Path("x"), name="x", dataset=dataset, grade=grade) for grade in grades]

    whole, large, sick = some("whole", [0, 1, 2, 3, 4] * 10), some("large", [0, 1, 2, 3, 4] * 30), some("sick", [2, 3])
    assert in_whole_sets(whole + large + sick).tolist() == [True] * 200 + [False] * 2
    assert in_whole_sets(sick).all()
    weights = set_weights(whole + large)
    assert weights.mean() == pytest.approx(1)
    assert weights[:50].sum() == pytest.approx(weights[50:].sum())
    with_few = set_weights(whole + sick)
    assert with_few[-2:].sum() == pytest.approx(with_few[:50].sum() * 2 / 50)


@pytest.mark.train
def test_two_processes_train_one_network_together(table: Path, tmp_path: Path) -> None:
    config = config_file(tmp_path)
    words = ["train", str(config), "--photos", str(table), "--out", str(tmp_path / "run"), "--threads", "1"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, "-m", "retineye.cli", *words],
        capture_output=True, text=True, timeout=280, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert Grader.from_pack(tmp_path / "run" / "pack", threads=1, allow_test=True)
    kept = [json.loads(line)["epoch"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert kept == [1, 2]


@pytest.mark.train
def test_processes_share_each_batch_and_draw_what_one_alone_would() -> None:
    from retineye.training.team import Draws, Team

    weights = [1.0, 2.0, 3.0, 4.0, 0.0, 1.0]
    alone = list(Draws(weights, 26, 8, 5, Team()))
    shared = [list(Draws(weights, 26, 8, 5, Team(place, 2))) for place in (0, 1)]
    assert len(alone) == len(Draws(weights, 26, 8, 5, Team())) == 24
    assert [len(part) for part in shared] == [12, 12]
    together = [shared[place][4 * batch : 4 * batch + 4] for batch in range(3) for place in (0, 1)]
    assert [one for part in together for one in part] == alone
    assert 4 not in alone
