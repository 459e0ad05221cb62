"""Plots are read back as XML: what they show must be what the figures say."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from retineye.training import metrics, plots
from retineye.training.outcomes import Answers

SVG = "{http://www.w3.org/2000/svg}"


def answers_of(truth: list[int], given: list[int], *, sharp: float = 0.8) -> Answers:
    """Make the answers of a pack that gives its grade the probability `sharp`."""
    probabilities = np.full((len(given), 5), (1 - sharp) / 4)
    probabilities[np.arange(len(given)), given] = sharp
    called = np.array(given)
    return Answers(
        truth=np.array(truth, np.intp),
        given=np.array(given, np.intp),
        probabilities=probabilities,
        referable=called >= 2,
        vision_threatening=called >= 3,
        uncertain=called == 1,
        clusters=("",) * len(truth),
    )


FOUND = answers_of([0, 0, 0, 1, 2, 2, 3, 4], [0, 0, 1, 1, 2, 3, 3, 2])


def words(picture: str) -> list[str]:
    return [text.text or "" for text in ET.fromstring(picture).iter(f"{SVG}text")]


@pytest.mark.parametrize("kind", ["confusion", "roc", "reliability", "risk-coverage"])
def test_each_plot_is_valid_svg_with_a_title_and_nothing_from_outside(kind: str) -> None:
    picture = plots.draw_all(FOUND, "a set <&>")[kind]
    root = ET.fromstring(picture)
    title = root.find(f"{SVG}title")
    assert title is not None
    assert "a set <&> (n = 8)" in (title.text or "")
    assert picture.count("http") == 1  # the namespace
    assert "nan" not in picture.lower()


def test_everything_drawn_lies_inside_the_picture() -> None:
    for picture in plots.draw_all(FOUND, "x").values():
        root = ET.fromstring(picture)
        width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
        for circle in root.iter(f"{SVG}circle"):
            assert 0 <= float(circle.attrib["cx"]) <= width
            assert 0 <= float(circle.attrib["cy"]) <= height
        for line in root.iter(f"{SVG}polyline"):
            for point in line.attrib["points"].split():
                x, y = (float(value) for value in point.split(","))
                assert plots.LEFT - 0.1 <= x <= plots.LEFT + plots.SIDE + 0.1
                assert plots.TOP - 0.1 <= y <= plots.TOP + plots.SIDE + 0.1


def test_the_confusion_shows_every_count_in_its_cell() -> None:
    shown = words(plots.draw_confusion(FOUND, "x"))
    counts = [word for word in shown if word.isdecimal()]
    assert [int(count) for count in counts] == metrics.confusion(FOUND.truth, FOUND.given).astype(int).ravel().tolist()
    assert "n = 3" in shown


def test_the_roc_names_the_area_and_where_the_pack_decides() -> None:
    shown = words(plots.draw_roc(FOUND, "x"))
    assert "Referable: AUC 1.000" in shown
    assert "decides at 1.00 / 1.00" in shown
    assert "decides at 0.50 / 0.83" in shown


def test_a_decision_without_positive_photographs_is_left_out_of_the_roc() -> None:
    shown = words(plots.draw_roc(answers_of([0, 1, 2], [0, 1, 2]), "x"))
    assert any(word.startswith("Referable") for word in shown)
    assert not any(word.startswith("Vision") for word in shown)


def test_the_reliability_plot_states_the_error_and_what_perfection_would_show() -> None:
    shown = words(plots.draw_reliability(FOUND, "x"))
    error = f"ECE {float(metrics.ece(FOUND.probabilities, FOUND.truth)):.3f}; perfect at this n: "
    assert any(word.startswith(error) for word in shown)


def test_a_perfect_and_a_constant_pack_can_be_drawn() -> None:
    plots.draw_all(answers_of([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], sharp=1.0), "perfect")
    plots.draw_all(answers_of([0, 1, 2, 3, 4], [2, 2, 2, 2, 2]), "constant")
