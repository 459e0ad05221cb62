"""`retineye grade`: outcomes on standard output, progress on standard error, and exit codes that mean something."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from retineye.cli import app
from tests import photos
from tests.packs import write_tiny_pack


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "right.jpg"
    file.write_bytes(photos.encode(photos.retina(width_px=360, height_px=240), "JPEG", quality=92))
    return file


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "broken.jpg"
    file.write_bytes(b"\xff\xd8\xff\xe0 broken")
    return file


def run(*arguments: object, debug: bool = True) -> Result:
    environment = {"RETINEYE_DEBUG": "1" if debug else "0", "RETINEYE_PACK": None}
    return CliRunner().invoke(app, ["grade", *map(str, arguments)], env=environment)


def test_json_lines_come_in_the_order_of_the_input(good: Path, bad: Path, pack: Path) -> None:
    result = run(bad, good, bad, "--pack", pack, "--format", "jsonl")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["file"] for row in rows] == [str(bad), str(good), str(bad)]
    assert [row["status"] for row in rows] == ["error", "graded", "error"]
    assert result.exit_code == 1


def test_exit_0_means_that_all_files_were_read(good: Path, tmp_path: Path, pack: Path) -> None:
    (tmp_path / "page.png").write_bytes(photos.encode(photos.document()))
    assert run(tmp_path, "--pack", pack).exit_code == 0


def test_an_empty_folder_is_no_failure(tmp_path: Path, pack: Path) -> None:
    result = run(tmp_path, "--pack", pack, "--format", "jsonl")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No pictures" in result.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["x.jpg", "--format", "xml"], ["x.jpg", "--jobs", "0"], ["x.jpg", "--unknown"]]
)
def test_exit_2_means_usage(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_heatmaps_can_not_go_into_a_file(good: Path, pack: Path) -> None:
    assert run(good, "--pack", pack, "--heatmaps", good).exit_code == 2


def test_exit_3_means_that_the_pack_can_not_be_used(good: Path, pack: Path, tmp_path: Path) -> None:
    missing = run(good, "--pack", tmp_path / "nowhere")
    assert missing.exit_code == 3
    assert "pack_missing" in missing.stderr
    for_tests = run(good, "--pack", pack, debug=False)
    assert for_tests.exit_code == 3
    assert for_tests.stdout == ""
    altered = write_tiny_pack(tmp_path / "altered")
    data = bytearray((altered / "model.onnx").read_bytes())
    data[100] ^= 1
    (altered / "model.onnx").write_bytes(data)
    result = run(good, "--pack", altered)
    assert result.exit_code == 3
    assert "pack_checksum" in result.stderr


def test_the_table_says_it_in_words(good: Path, bad: Path, pack: Path) -> None:
    result = run(good, bad, "--pack", pack)
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["File", "Outcome", "Referable", "Vision-threatening", "Quality", "Remark"]
    assert str(good) in lines[1]
    assert "DR" in lines[1]
    assert "truncated" in lines[2]


def test_the_csv_has_a_column_for_each_value(good: Path, bad: Path, pack: Path) -> None:
    result = run(good, bad, "--pack", pack, "--format", "csv")
    graded, broken = csv.DictReader(io.StringIO(result.stdout))
    assert sum(float(graded[f"probability_{grade}"]) for grade in range(5)) == pytest.approx(1)
    assert graded["referable_decision"] in ("True", "False")
    assert graded["pack_id"] == "tiny-test"
    assert broken["status"] == "error"
    assert broken["grade"] == broken["probability_0"] == broken["quality_score"] == ""


def test_a_name_that_is_no_text_is_printed_all_the_same(good: Path, pack: Path) -> None:
    odd = Path(str(good.parent) + "/odd-\udcff.jpg")
    good.rename(odd)
    for form in ("jsonl", "csv", "table"):
        result = run(good.parent, "--pack", pack, "--format", form)
        assert (result.exit_code, "odd-" in result.stdout) == (0, True), form


def test_the_console_command_grades_with_two_processes(good: Path, pack: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "retineye.cli", "grade", good, good, "--format", "jsonl", "--jobs", "2"]
    done = subprocess.run(
        [*command, "--pack", pack, "--heatmaps", tmp_path / "maps" / "new"],
        env={"RETINEYE_DEBUG": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""
    assert len(list((tmp_path / "maps" / "new").iterdir())) == 2


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_table_of_files_is_gone_on_with_where_the_last_run_stopped(
    good: Path, bad: Path, pack: Path, tmp_path: Path, form: str
) -> None:
    table, out = tmp_path / "archive.csv", tmp_path / "out"
    table.write_text(f"\ufeffPatient;Path\r\n7;{good.name}\r\n8;{bad.name}\r\n", encoding="utf-8")
    wanted = ("--csv", table, "--pack", pack, "--format", form, "--out", out)
    assert run(*wanted).exit_code == 1
    whole = out.read_text("utf-8")
    assert good.name in whole and bad.name in whole
    # As a run leaves it that was killed in the middle of its last line.
    lines = whole.splitlines(keepends=True)
    out.write_text("".join(lines[:-1]) + lines[-1][:20], "utf-8")
    assert run(*wanted, "--resume").exit_code == 1
    again = out.read_text("utf-8").splitlines()
    assert len(again) == len(lines) and again[:-1] == [line.rstrip("\r\n") for line in lines[:-1]]
    before = out.read_text("utf-8")
    assert run(*wanted, "--resume").exit_code == 0
    assert out.read_text("utf-8") == before


def test_what_can_not_be_gone_on_with_is_a_mistake_of_usage(good: Path, pack: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("file\na.jpg\n")
    assert run("--pack", pack).exit_code == 2
    assert run(good, "--pack", pack, "--resume").exit_code == 2
    assert run(good, "--pack", pack, "--out", tmp_path / "o").exit_code == 2
    assert run("--csv", table, "--pack", pack, "--format", "csv").exit_code == 2
    other = tmp_path / "other"
    other.write_text("something else\n")
    assert run(good, "--pack", pack, "--format", "jsonl", "--out", other, "--resume").exit_code == 2
