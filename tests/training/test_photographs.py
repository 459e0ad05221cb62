"""The table of photographs is read, or refused with a sentence that says what to mend."""

from pathlib import Path

import pytest

from retineye.grading.result import Eye
from retineye.training.photographs import PhotographsError, read_photographs

HEADER = "path,dataset,grade,patient,laterality,quality,width,height,dup_group,split"


def written(folder: Path, *lines: str, header: str = HEADER) -> Path:
    table = folder / "photos.csv"
    table.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return table


def test_paths_start_from_the_table_and_empty_cells_are_unknown(tmp_path: Path) -> None:
    table = written(tmp_path, "a/1.jpg,idrid,3,p1,right,good,771,512,,test", "2.jpg,idrid,,,,,,,g7,train")
    first, second = read_photographs(table)
    assert first.path == tmp_path / "a" / "1.jpg"
    assert (first.grade, first.eye, first.quality, first.short_side_px) == (3, Eye.RIGHT, "good", 512)
    assert (second.grade, second.eye, second.short_side_px) == (None, None, None)
    assert (first.cluster, second.cluster) == ("idrid/patient/p1", "idrid/group/g7")


def test_paths_may_start_elsewhere(tmp_path: Path) -> None:
    table = written(tmp_path, "1.jpg,s,0,,,,,,,")
    assert read_photographs(table, root=Path("/photos"))[0].path == Path("/photos/1.jpg")


def test_two_columns_are_enough(tmp_path: Path) -> None:
    (only,) = read_photographs(written(tmp_path, "1.jpg,2", header="path,grade"))
    assert (only.dataset, only.cluster) == ("photos", "")


def test_versions_of_one_source_share_their_patients(tmp_path: Path) -> None:
    table = written(tmp_path, "1.jpg,eyepacs,0,10,,,,,,", "2.jpg,eyepacs_equalised,0,10,,,,,,", "3.jpg,unam,0,10,,,,,,")
    first, second, third = read_photographs(table)
    assert first.cluster == second.cluster != third.cluster


def test_conditions_on_one_column_are_alternatives_and_columns_must_all_fit(tmp_path: Path) -> None:
    rows = [f"{place}.jpg,{name},0,,,,,,,{split}" for place, (name, split) in enumerate(
        [("a", "test"), ("b", "test"), ("c", "test"), ("a", "train")]
    )]  # fmt: skip
    chosen = read_photographs(written(tmp_path, *rows), ["dataset=a", "dataset=b", "split=test"])
    assert [photograph.name for photograph in chosen] == ["0.jpg", "1.jpg"]


def test_an_empty_value_can_be_asked_for(tmp_path: Path) -> None:
    table = written(tmp_path, "1.jpg,a,,,,,,,,", "2.jpg,a,1,,,,,,,")
    assert [photograph.name for photograph in read_photographs(table, ["grade="])] == ["1.jpg"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("1.jpg,a,5,,,,,,,", "line 2: the grade is '5'"),
        ("1.jpg,a,2.0,,,,,,,", "line 2: the grade is '2.0'"),
        (",a,1,,,,,,,", "line 2: the path is empty"),
        ("1.jpg,a,1,,OD,,,,,", "the laterality is 'od', not right, left or empty"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(tmp_path: Path, line: str, sentence: str) -> None:
    with pytest.raises(PhotographsError, match=sentence):
        read_photographs(written(tmp_path, line))


def test_a_missing_column_or_table_and_a_wrong_condition_are_named(tmp_path: Path) -> None:
    with pytest.raises(PhotographsError, match="no column grade"):
        read_photographs(written(tmp_path, "1.jpg", header="path"))
    with pytest.raises(PhotographsError, match="can not be read"):
        read_photographs(tmp_path / "none.csv")
    table = written(tmp_path, "1.jpg,a,1,,,,,,,")
    with pytest.raises(PhotographsError, match="'fold=1' is not column=value"):
        read_photographs(table, ["fold=1"])
    with pytest.raises(PhotographsError, match="No photograph"):
        read_photographs(table, ["dataset=b"])
