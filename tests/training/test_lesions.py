"""Outlined lesions teach the network where to look, and what tests them is never trained on."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from retineye.grading.network import RawOutputs
from retineye.grading.preprocess import InputSpec
from retineye.training.augment import vary_with
from retineye.training.lesion_marks import fit, measure
from retineye.training.lesions import (
    LESIONS,
    STRIDE,
    UNKNOWN,
    nothing_said,
    outlined_square,
    read_lesions,
    to_cells,
)
from retineye.training.photographs import Photograph, PhotographsError
from tests import photos
from tests.training.test_run import TINY, config_file

ALL = np.ones(4, np.bool_)


def outline(folder: Path, name: str, *, spots: list[tuple[int, int, int, str]], seed: int = 0, size: int = 320) -> Path:
    """Draw a photograph with dark spots (x, y, radius, code) and write it with its bit mask."""
    pixels = photos.retina(width_px=size, height_px=size, seed=seed)
    bits = np.zeros((size, size), np.uint8)
    for x, y, radius, code in spots:
        cv2.circle(pixels, (x, y), radius, (60, 10, 5), -1)
        mark = np.zeros_like(bits)
        cv2.circle(mark, (x, y), radius, LESIONS[code], -1)
        bits |= mark
    folder.mkdir(exist_ok=True, parents=True)
    (folder / f"{name}.jpg").write_bytes(photos.encode(pixels, "JPEG"))
    cv2.imwrite(str(folder / f"{name}.png"), bits)
    return folder / f"{name}.jpg"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("outlined")
    with (root / "lesions.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["name", "split", "masks"])
        for number in range(12):
            spots = [(120 + 7 * number, 200, 8, "HE"), (210, 90 + 5 * number, 4, "MA")]
            outline(root / "lesions", f"outlined{number}", spots=spots, seed=100 + number)
            writer.writerow([f"outlined{number}", "test" if number >= 10 else "train", "MA HE"])
    return root / "lesions.csv"


def test_rows_carry_their_outlines_and_no_grade(table: Path) -> None:
    rows = read_lesions(table)
    assert len(rows) == 12
    assert {row.grade for row in rows} == {None}
    assert rows[0].looked_for == {"MA", "HE"}
    assert [row.split for row in rows].count("test") == 2


def test_a_photograph_without_its_outlines_is_named(table: Path, tmp_path: Path) -> None:
    shutil.copytree(table.parent, tmp_path / "broken")
    (tmp_path / "broken" / "lesions" / "outlined3.png").unlink()
    with pytest.raises(PhotographsError, match="line 5"):
        read_lesions(tmp_path / "broken" / "lesions.csv")


def test_outlines_lie_on_the_lesions_whatever_is_done_to_the_picture(table: Path) -> None:
    row = read_lesions(table)[0]
    from retineye.training.data import load_square

    square, planes = load_square(row, 256), outlined_square(row, 256)
    assert square is not None
    assert planes is not None
    for seed in range(6):
        picture, moved = vary_with(square, planes, InputSpec(224), np.random.default_rng(seed), strength=0.0)
        assert moved is not None
        inside = moved[:, :, 1] > 200
        ring = cv2.dilate(inside.astype(np.uint8), np.ones((25, 25), np.uint8)).astype(bool) & (moved.max(axis=2) == 0)
        assert inside.sum() > 20
        assert picture[0][inside].mean() < picture[0][ring].mean() - 0.3


def test_cells_tell_lesion_none_and_unknown_apart() -> None:
    planes = np.zeros((64, 64, 4), np.uint8)
    planes[17:19, 33:35, 1] = 255
    cells = to_cells(planes, np.array([True, True, False, True]))
    assert cells.shape == (4, 8, 8)
    assert np.argwhere(cells[1] == 1).tolist() == [[17 // STRIDE, 33 // STRIDE]]
    assert (cells[2] == UNKNOWN).all()
    assert (cells[0] == 0).all()
    assert (nothing_said(64) == UNKNOWN).all()


@pytest.mark.train
def test_cells_of_which_nobody_spoke_teach_nothing() -> None:
    import torch

    from retineye.training.lesions import lesion_loss

    logits = torch.randn(2, 4, 8, 8, requires_grad=True)
    lesion_loss(logits, torch.from_numpy(np.stack([nothing_said(64)] * 2))).backward()
    assert float(logits.grad.abs().max()) == 0
    cells = np.stack([nothing_said(64), np.ones((4, 8, 8), np.uint8)])
    logits = torch.randn(2, 4, 8, 8, requires_grad=True)
    lesion_loss(logits, torch.from_numpy(cells)).backward()
    assert float(logits.grad[0].abs().max()) == 0
    assert float(logits.grad[1].max()) < 0


@pytest.mark.train
@pytest.mark.parametrize("backbone", ["tf_efficientnet_lite0", "resnet18"])
def test_a_network_with_lesion_maps_grades_as_the_same_network_without(backbone: str) -> None:
    import torch

    from retineye.training.network import build

    torch.manual_seed(2)
    network = build(backbone, "none", lesions=True).eval()
    picture = torch.randn(1, 3, 96, 96)
    with torch.inference_mode():
        logits, _, macula = network(picture)
        taught, _, taught_macula, maps = network.everything(picture)
    assert maps.shape == (1, 4, 12, 12)
    assert torch.allclose(logits, taught, atol=1e-5)
    assert torch.allclose(macula, taught_macula, atol=1e-5)


@pytest.mark.train
@pytest.mark.parametrize("views", [1, 2])
def test_the_exported_network_gives_the_maps_of_the_photograph_as_it_lies(views: int) -> None:
    import torch

    from retineye.grading.network import Network
    from retineye.training.export import LESIONS as OUTPUT
    from retineye.training.export import to_onnx
    from retineye.training.network import build

    torch.manual_seed(6)
    network = build("tf_efficientnet_lite0", "none", lesions=True).eval()
    picture = torch.randn(1, 3, 96, 96) * 0.5
    said = Network(to_onnx(network, 96, views), lesions=OUTPUT).run(picture.numpy()).lesions
    assert said is not None
    with torch.inference_mode():
        maps = network.everything(picture)[3]
        if views == 2:
            maps = (maps + network.everything(picture.flip(3))[3].flip(3)) / 2
    assert np.abs(said - maps.sigmoid()[0].numpy()).max() < 1e-4


class Drawn:
    """A network that sees the lesions as the outlines have them, or nothing."""

    def __init__(self, rows: list[Photograph], *, sees: bool) -> None:
        self.rows, self.sees, self.asked = list(rows), sees, 0

    def run(self, _: np.ndarray) -> RawOutputs:
        row = self.rows[self.asked]
        self.asked += 1
        planes = outlined_square(row, 352)
        assert planes is not None
        inner = planes[16:336, 16:336]  # the kept square has a margin, what is served has none
        maps = inner.reshape(40, 8, 40, 8, 4).max(axis=(1, 3)).transpose(2, 0, 1).astype(np.float32) / 255
        shown = maps if self.sees else np.zeros_like(maps)
        return RawOutputs(np.zeros(5, np.float32), np.zeros((2, 4, 4), np.float32), lesions=shown)


def test_marks_are_measured_against_outlines(table: Path) -> None:
    tested = [row for row in read_lesions(table) if row.split == "test"]
    seen, blind = (
        measure(Drawn(tested, sees=sees), tested, InputSpec(320), [0.5] * 4)  # type: ignore[arg-type]
        for sees in (True, False)
    )
    assert [(row["n"], row["with_it"], row["found"]) for row in seen[:2]] == [(2, 2, 2)] * 2
    assert seen[1]["marks"] == seen[1]["right_marks"] == 2
    assert seen[1]["average_precision"] > 0.6
    assert [(row["found"], row["marks"]) for row in blind] == [(0, 0)] * 4
    assert seen[2]["n"] == 0  # nobody looked for hard exudates


def test_thresholds_leave_nineteen_of_twenty_healthy_photographs_bare(table: Path) -> None:
    peaks = np.random.default_rng(1).random((200, 4)).astype(np.float32)
    healthy = np.arange(200) < 120
    part = fit(peaks, healthy, Drawn([], sees=True), [], InputSpec(320))  # type: ignore[arg-type]
    assert part is not None
    assert part["healthy"]["n"] == 120
    assert all(0.03 <= share <= 0.05 for share in part["healthy"]["shown"])
    assert fit(peaks, healthy & (np.arange(200) < 10), Drawn([], sees=True), [], InputSpec(320)) is None  # type: ignore[arg-type]


def graded_table(folder: Path, outlined: Path) -> Path:
    """Write a table of drawn photographs, among them copies of the first and of the last outlined one."""
    drawn = [photos.retina(width_px=160, height_px=160, lesions=6 * grade, seed=grade) for grade in range(5)]
    folder.mkdir()
    with (folder / "photos.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "dataset", "grade", "patient", "split"])
        for number in range(40):
            pixels = np.roll(np.rot90(drawn[number % 5], number // 5 % 4), 3 * (number // 20), axis=0)
            (folder / f"{number}.png").write_bytes(photos.encode(np.ascontiguousarray(pixels)))
            writer.writerow([f"{number}.png", "drawn", number % 5, f"p{number}", "train"])
        for name in ("outlined0", "outlined11"):
            shutil.copyfile(outlined.parent / "lesions" / f"{name}.jpg", folder / f"other-name-{name}.jpg")
            writer.writerow([f"other-name-{name}.jpg", "drawn", 2, f"q{name}", "train"])
    return folder / "photos.csv"


@pytest.mark.train
def test_what_tests_lesions_never_teaches_grades_under_another_name(table: Path, tmp_path: Path) -> None:
    from retineye.training.config import TrainingConfig
    from retineye.training.run import prepare

    graded = graded_table(tmp_path / "graded", table)
    config = TrainingConfig.read(config_file(tmp_path, TINY + "lesions = 1.0\n"))
    material = prepare(config, graded, tmp_path / "cache", lesions=table)
    used = {material.rows[i].name for i in (*material.train, *material.held)}
    assert "other-name-outlined11.jpg" not in used
    assert "lesions/outlined11.jpg" not in used
    assert not {i for i in material.outlines.planes if material.rows[i].split == "test"}
    # Both versions of the other one are on the same side.
    sides = {
        name: side
        for side, rows in (("train", material.train), ("held", material.held))
        for name in (material.rows[i].name for i in rows)
    }
    assert sides.get("other-name-outlined0.jpg") != "held" or "lesions/outlined0.jpg" not in sides


@pytest.mark.train
def test_a_run_goes_on_with_lesions_from_one_without_and_holds_out_the_same(table: Path, tmp_path: Path) -> None:
    from retineye.training.run import train

    graded = graded_table(tmp_path / "graded", table)
    train(config_file(tmp_path), graded, tmp_path / "first", threads=2, lesions=table)
    start = tmp_path / "first" / "checkpoint.pt"
    more = f'lesions = 1.0\nkeep_start = 0.5\nheld_out = "first/split.csv"\nweights = "{start}"\n'
    text = TINY.replace('weights = "none"\n', "").replace('id = "tiny"', 'id = "second"') + more
    pack = train(config_file(tmp_path, text), graded, tmp_path / "second", threads=2, lesions=table)
    assert pack is not None
    splits = [
        {line["path"]: line["use"] for line in csv.DictReader((tmp_path / run / "split.csv").read_text().splitlines())}
        for run in ("first", "second")
    ]
    assert {k for k, v in splits[0].items() if v == "held"} == {k for k, v in splits[1].items() if v == "held"}
    assert not {k for k, v in splits[1].items() if v == "train"} & {k for k, v in splits[0].items() if v == "held"}
    assert json.loads((pack.folder / "card.json").read_text())["id"] == "second"
