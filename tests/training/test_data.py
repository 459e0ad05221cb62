"""Nothing that a test set holds reaches training, whatever name it goes by."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from retineye.grading.retina import find_retina
from retineye.training.data import groups_of, keep_squares, load_square, same_pictures, signatures, split, unstretch
from retineye.training.photographs import Photograph
from tests import photos

IDRID = sorted((Path(__file__).parents[1] / "idrid").glob("small_*.jpg"))


def photograph(number: int, **changes: object) -> Photograph:
    values = {"path": Path(f"{number}.jpg"), "name": f"{number}.jpg", "dataset": "own", "grade": number % 5}
    return Photograph(**(values | changes))  # type: ignore[arg-type]


def test_both_eyes_of_a_patient_stay_on_one_side() -> None:
    rows = [photograph(i, patient=str(i // 2)) for i in range(200)]
    train, held = split(rows, groups_of(rows), 0.2, seed=3)
    assert {rows[i].patient for i in train}.isdisjoint(rows[i].patient for i in held)
    assert len(train) + len(held) == 200
    assert 20 <= len(held) <= 60


def test_a_patient_is_one_across_the_versions_of_a_set() -> None:
    rows = [
        photograph(0, dataset="eyepacs", patient="7"),
        photograph(1, dataset="eyepacs_equalised", patient="7"),
        photograph(2, dataset="srahim", patient="7"),
    ]
    groups = groups_of(rows)
    assert groups[0] == groups[1] != groups[2]


def test_duplicates_of_duplicates_are_one_group() -> None:
    rows = [photograph(0, group="a"), photograph(1, group="a", patient="x"), photograph(2, patient="x"), photograph(3)]
    groups = groups_of(rows, [(2, 3)])
    assert len(set(groups.tolist())) == 1


def test_whoever_shares_a_person_with_a_test_photograph_is_never_trained_on() -> None:
    rows = [photograph(0, split="test", patient="a"), photograph(1, patient="a"), *map(photograph, range(2, 40))]
    train, held = split(rows, groups_of(rows), 0.2, seed=1)
    assert {0, 1}.isdisjoint(train.tolist() + held.tolist())


def test_a_copy_under_another_name_and_size_is_found_by_its_picture(tmp_path: Path) -> None:
    rows = [photograph(i, path=path, split="test" if i == 0 else "") for i, path in enumerate(IDRID)]
    copy = tmp_path / "another-name.jpg"
    with Image.open(IDRID[0]) as picture:
        picture.resize((picture.width * 3 // 4, picture.height * 3 // 4)).save(copy, quality=60)
    rows.append(photograph(99, path=copy))
    squares, found = keep_squares(rows, 256, tmp_path / "squares")
    assert found.all()
    pairs = same_pictures(signatures(squares))
    assert pairs == [(0, len(rows) - 1)]
    train, held = split(rows, groups_of(rows, pairs), 0.2, seed=1)
    assert len(rows) - 1 not in [*train.tolist(), *held.tolist()]
    assert len(train) + len(held) == len(rows) - 2


def test_the_split_is_the_same_for_the_same_seed() -> None:
    rows = [photograph(i, patient=str(i // 3)) for i in range(90)]
    first, second = (split(rows, groups_of(rows), 0.2, seed=5) for _ in range(2))
    assert (first[0] == second[0]).all()
    assert (first[1] == second[1]).all()
    assert not np.array_equal(first[1], split(rows, groups_of(rows), 0.2, seed=6)[1])


@pytest.mark.parametrize("shape", [1.0, 1.32, 1.5])
def test_a_squeezed_photograph_gets_its_round_retina_back(shape: float) -> None:
    wide = photos.retina(width_px=round(480 * shape), height_px=480, diameter=0.95 if shape > 1.0 else 0.9)
    squeezed = np.asarray(cv2.resize(wide, (256, 256), interpolation=cv2.INTER_AREA), np.uint8)
    pixels, retina = unstretch(squeezed)
    original = find_retina(wide)
    assert retina is not None
    assert original is not None
    assert retina.radius_px / pixels.shape[0] == pytest.approx(original.radius_px / wide.shape[0], rel=0.03)


def test_squares_are_made_once_and_an_unreadable_file_is_marked(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.jpg"
    good.write_bytes(photos.encode(photos.retina()))
    bad.write_bytes(b"not a picture")
    rows = [photograph(0, path=good), photograph(1, path=bad)]
    squares, found = keep_squares(rows, 64, tmp_path / "kept")
    assert [square.shape for square in (squares[0], squares[1])] == [(64, 64, 3)] * 2
    assert found.tolist() == [True, False]
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}
    keep_squares(rows, 64, tmp_path / "kept")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()} == stamps


def test_a_rotated_file_gives_an_upright_square(tmp_path: Path) -> None:
    plain, turned = tmp_path / "plain.png", tmp_path / "turned.png"
    pixels = photos.retina()
    plain.write_bytes(photos.encode(pixels))
    with Image.open(io.BytesIO(photos.encode(np.ascontiguousarray(np.rot90(pixels))))) as picture:
        exif = picture.getexif()
        exif[0x0112] = 6  # turn by 90 degrees clockwise to view
        picture.save(turned, exif=exif)
    first, second = (load_square(photograph(0, path=path), 96) for path in (plain, turned))
    assert first is not None
    assert second is not None
    assert np.abs(first.astype(int) - second.astype(int)).mean() < 2
