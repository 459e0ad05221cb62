"""The heatmap lies where the network looked, or there is none."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from retineye.grading import Grade, Heatmap, Retina, explain, render_heatmap
from retineye.grading.explain import LESION_CODES, find_lesions, highest_inside

WEIGHTS = np.array([[0, 0], [1, 0], [2, 0], [3, 0], [4, 1]], np.float32)
RETINA = Retina(x_px=300, y_px=200, radius_px=180, visible=1.0)


def features_with_a_spot(row: int, column: int, cells: int = 10) -> "np.ndarray":  # type: ignore[type-arg]
    features = np.zeros((2, cells, cells), np.float32)
    features[0, row, column] = 1
    return features


def alpha(png: bytes) -> "np.ndarray":  # type: ignore[type-arg]
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.mode) == ("PNG", "RGBA")
    return np.asarray(image)[:, :, 3].astype(float)


@pytest.mark.parametrize(("row", "column"), [(5, 5), (2, 6), (7, 3), (4, 8)])
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_attention_lands_on_the_place_it_came_from(row: int, column: int, scale: float) -> None:
    heatmap = explain(features_with_a_spot(row, column), WEIGHTS, Grade.SEVERE, RETINA, 640, 400)
    assert heatmap is not None
    opacity = alpha(render_heatmap(heatmap, round(640 * scale), round(400 * scale)))
    y, x = np.indices(opacity.shape)
    centre = ((x + 0.5) * opacity).sum() / opacity.sum(), ((y + 0.5) * opacity).sum() / opacity.sum()
    cell_px = 36 * scale
    assert centre[0] == pytest.approx((300 - 180) * scale + (column + 0.5) * cell_px, abs=2)
    assert centre[1] == pytest.approx((200 - 180) * scale + (row + 0.5) * cell_px, abs=2)


def test_beyond_the_retina_and_without_attention_all_is_transparent() -> None:
    heatmap = explain(features_with_a_spot(5, 5), WEIGHTS, Grade.MILD, RETINA, 640, 400)
    assert heatmap is not None
    opacity = alpha(render_heatmap(heatmap, 640, 400))
    y, x = np.indices(opacity.shape)
    assert opacity[np.hypot(x + 0.5 - 300, y + 0.5 - 200) > 180].max() == 0
    assert opacity[200, 480 - 10] == 0
    assert opacity[218, 318] > 150


def test_a_retina_that_reaches_beyond_the_photograph_is_drawn_in_place() -> None:
    retina = Retina(x_px=320, y_px=200, radius_px=300, visible=0.8)
    heatmap = explain(features_with_a_spot(5, 2), WEIGHTS, Grade.MILD, retina, 640, 400)
    assert heatmap is not None
    assert heatmap.box[1] < 0 < 1 < heatmap.box[3]
    opacity = alpha(render_heatmap(heatmap, 640, 400))
    y, x = np.unravel_index(opacity.argmax(), opacity.shape)
    assert (x, y) == pytest.approx((20 + 2.5 * 60, -100 + 5.5 * 60), abs=12)


def test_the_heatmap_holds_what_spoke_against_no_disease() -> None:
    features = features_with_a_spot(3, 4)
    features[1, 6, 6] = 1
    proliferative = explain(features, WEIGHTS, Grade.PROLIFERATIVE, RETINA, 640, 400)
    mild = explain(features, WEIGHTS, Grade.MILD, RETINA, 640, 400)
    none = explain(features, WEIGHTS, Grade.NONE, RETINA, 640, 400)
    assert proliferative is not None
    assert proliferative.values[6, 6] == pytest.approx(0.25)
    assert mild is not None
    assert mild.values[6, 6] == 0
    assert none is not None
    assert none.values[3, 4] == 1


@pytest.mark.parametrize(
    "features", [np.zeros((2, 8, 8), np.float32), np.ones((2, 8, 8), np.float32), -features_with_a_spot(3, 3)]
)
def test_a_map_where_nothing_stands_out_is_hidden(features: "np.ndarray") -> None:  # type: ignore[type-arg]
    assert explain(features, WEIGHTS, Grade.MILD, RETINA, 640, 400) is None


def test_a_map_that_looks_off_the_retina_is_hidden() -> None:
    assert explain(features_with_a_spot(0, 0), WEIGHTS, Grade.MILD, RETINA, 640, 400) is None
    inside = explain(features_with_a_spot(5, 5), WEIGHTS, Grade.MILD, RETINA, 640, 400)
    assert inside is not None
    assert inside.inside > 0.95


def test_more_attention_is_more_opaque_and_lighter() -> None:
    ramp = np.tile(np.linspace(0, 1, 16, dtype=np.float32), (16, 1))
    picture = np.asarray(Image.open(io.BytesIO(render_heatmap(Heatmap(ramp, (0, 0, 1, 1), 1.0), 160, 160))))
    row = picture[80, 20:150].astype(float)
    assert (np.diff(row[:, 3]) >= 0).all()
    shown = row[row[:, 3] > 0][:, :3].astype(np.uint8)
    lightness = cv2.cvtColor(shown[None], cv2.COLOR_RGB2LAB)[0, :, 0].astype(int)
    assert (np.diff(lightness) >= -1).all()


def maps_with(code: str, *cells: tuple[int, int], value: float = 0.9, side: int = 40) -> "np.ndarray":  # type: ignore[type-arg]
    maps = np.full((4, side, side), 0.1, np.float32)
    for row, column in cells:
        maps[LESION_CODES.index(code), row, column] = value
    return maps


@pytest.mark.parametrize("code", LESION_CODES)
def test_a_lesion_is_outlined_where_it_lies_and_as_what_it_is(code: str) -> None:
    (lesion,) = find_lesions(maps_with(code, (12, 25)), [0.5] * 4, RETINA, 640, 400)
    assert (lesion.code, lesion.score) == (code, pytest.approx(0.9, abs=1e-4))
    x, y = np.array(lesion.outline).T * np.array([[640], [400]])
    cell_px = 360 / 40
    assert (x.min() + x.max()) / 2 == pytest.approx(300 - 180 + 25.5 * cell_px, abs=1.5)
    assert (y.min() + y.max()) / 2 == pytest.approx(200 - 180 + 12.5 * cell_px, abs=1.5)
    assert 0.6 * cell_px < x.max() - x.min() < 1.6 * cell_px


def test_neighbours_are_one_lesion_and_the_surest_come_first() -> None:
    maps = maps_with("HE", (10, 10), (10, 11), (11, 11), value=0.6)
    maps[1, 25, 30] = 0.95
    found = find_lesions(maps, [0.5] * 4, RETINA, 640, 400)
    assert [lesion.score for lesion in found] == pytest.approx([0.95, 0.6], abs=1e-4)


def test_nothing_is_outlined_below_its_threshold_or_beyond_the_retina() -> None:
    assert find_lesions(maps_with("EX", (20, 20), value=0.49), [0.5] * 4, RETINA, 640, 400) == ()
    assert find_lesions(maps_with("EX", (0, 0), (39, 39)), [0.5] * 4, RETINA, 640, 400) == ()


def test_what_is_outlined_is_what_the_highest_value_inside_says() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        maps = rng.random((4, 28, 28)).astype(np.float32) ** 8
        thresholds = [0.9, 0.95, 0.99, 0.999]
        found = {lesion.code for lesion in find_lesions(maps, thresholds, RETINA, 640, 400)}
        peaks = highest_inside(maps)
        assert found == {
            code for code, peak, least in zip(LESION_CODES, peaks, thresholds, strict=True) if peak >= least
        }
