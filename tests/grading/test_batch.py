"""Many files are graded in their order, and a bad one never stops the others."""

import json
import os
import signal
from pathlib import Path

import pytest
from PIL import Image

from retineye.grading import Grader, PackError, PackMissingError
from retineye.grading.batch import Outcome, expand, grade_files
from tests import photos
from tests.packs import write_tiny_pack

KEYS = [
    "file",
    "sha256",
    "status",
    "reasons",
    "advice",
    "grade",
    "grade_name",
    "probabilities",
    "expected_grade",
    "referable",
    "vision_threatening",
    "uncertain",
    "quality",
    "eye",
    "seconds",
    "pack",
    "error",
]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as clinics have them: photographs, a text, a broken file, something hidden, a link, a folder."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    data = photos.encode(photos.retina(width_px=360, height_px=240), "JPEG", quality=92)
    (folder / "b.jpg").write_bytes(data)
    (folder / "a.PNG").write_bytes(photos.encode(photos.document()))
    (folder / "c.jpeg").write_bytes(data[: len(data) // 2])
    (folder / "notes.txt").write_text("right eye first")
    (folder / ".hidden.jpg").write_bytes(data)
    (folder / "link.jpg").symlink_to(folder / "b.jpg")
    (folder / "more").mkdir()
    (folder / "more" / "d.jpg").write_bytes(data)
    return folder


def outcomes(files: list[str], pack: Path, **options: object) -> list[Outcome]:
    return list(grade_files(files, pack=pack, allow_test=True, threads=1, **options))  # type: ignore[arg-type]


def test_of_a_folder_the_pictures_are_taken_sorted(folder: Path) -> None:
    assert expand([str(folder)]) == [str(folder / name) for name in ("a.PNG", "b.jpg", "c.jpeg")]


def test_files_keep_their_names_as_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    given = ["photographs/notes.txt", "photographs", "photographs/.hidden.jpg", "missing.jpg"]
    listed = ["photographs/a.PNG", "photographs/b.jpg", "photographs/c.jpeg"]
    assert expand(given) == [given[0], *listed, *given[2:]]


def test_a_bad_file_never_stops_the_others(folder: Path, pack: Path) -> None:
    files = [*expand([str(folder)]), str(folder / "missing.jpg"), str(folder / "more" / "d.jpg")]
    rows = [outcome.row() for outcome in outcomes(files, pack)]
    assert [row["file"] for row in rows] == files
    assert [row["status"] for row in rows] == ["not_fundus", "graded", "error", "error", "graded"]
    assert rows[2]["error"].startswith("truncated: ")
    assert rows[2]["advice"]
    assert rows[3]["error"].startswith("unreadable: ")
    assert rows[3]["sha256"] is None


def test_a_row_has_exactly_the_promised_keys_in_order(folder: Path, pack: Path) -> None:
    for outcome in outcomes(expand([str(folder)]), pack):
        row = outcome.row()
        assert list(row) == KEYS
        assert json.loads(json.dumps(row, allow_nan=False)) == row
        graded = row["status"] == "graded"
        for key in ("grade", "grade_name", "probabilities", "expected_grade", "referable", "vision_threatening"):
            assert (row[key] is not None) == graded, key
        assert row["pack"]["id"] == "tiny-test"
        assert row["eye"] is None
        assert (row["error"] is not None) == (row["status"] == "error")
        if graded:
            assert set(row["referable"]) == {"probability", "decision"}
            assert isinstance(row["referable"]["decision"], bool)
            assert sum(row["probabilities"]) == pytest.approx(1)
            assert row["seconds"] > 0


def test_several_processes_give_the_same_in_the_same_order(folder: Path, pack: Path) -> None:
    files = expand([str(folder)]) * 3 + [str(folder / "missing.jpg")]

    def without_time(found: list[Outcome]) -> list[dict[str, object]]:
        return [{key: value for key, value in outcome.row().items() if key != "seconds"} for outcome in found]

    assert without_time(outcomes(files, pack, jobs=2)) == without_time(outcomes(files, pack))


def test_a_file_that_ends_its_process_costs_no_other_file(
    folder: Path, pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is tried again alone; then the others go on."""
    deadly = folder / "z-deadly.jpg"
    os.mkfifo(deadly)
    files = [str(folder / "b.jpg"), str(deadly), str(folder / "a.PNG")]
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setattr("retineye.grading.batch._grade_in_worker", die_on_a_pipe)
    found = outcomes(files, pack, jobs=2)
    assert [outcome.file for outcome in found] == files
    assert found[1].error is not None
    assert found[1].error.startswith("grading_error: ")
    assert [found[0].row()["status"], found[2].row()["status"]] == ["graded", "not_fundus"]


def die_on_a_pipe(order: object) -> Outcome:
    """Stand in for a photograph that a codec dies of."""
    from retineye.grading import batch

    if Path(order.file).is_fifo():  # type: ignore[attr-defined]
        os.kill(os.getpid(), signal.SIGKILL)
    return batch._grade_file(batch._worker["grader"], batch._worker["limits"], order)  # type: ignore[arg-type]


def test_heatmaps_are_written_for_graded_photographs_alone(folder: Path, pack: Path, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    files = [*expand([str(folder)]), str(folder / "b.jpg")]
    outcomes(files, pack, heatmaps=maps)
    written = sorted(path.name for path in maps.iterdir())
    assert written == ["b-2.jpg.heatmap.png", "b.jpg.heatmap.png"]
    with Image.open(maps / "b.jpg.heatmap.png") as image:
        assert (image.size, image.mode) == ((360, 240), "RGBA")


def test_a_pack_that_can_not_be_used_stops_before_the_first_file(folder: Path, tmp_path: Path, pack: Path) -> None:
    with pytest.raises(PackMissingError):
        grade_files(expand([str(folder)]), pack=tmp_path / "nothing")
    with pytest.raises(PackError):
        grade_files(expand([str(folder)]), pack=pack)


def test_a_pack_that_breaks_later_stops_the_grading(folder: Path, pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Grader, data: bytes) -> None:
        raise PackError("The network does not run.")

    monkeypatch.setattr(Grader, "grade", broken)
    with pytest.raises(PackError):
        outcomes(expand([str(folder)]), pack)
