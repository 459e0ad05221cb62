"""Every row of every referral table, written out from its guideline; and a table that is wrong stops the start."""

from pathlib import Path

import pytest

from retineye.accounts.models import Organisation
from retineye.clinic.guidelines import FOLDER, GUIDELINES, Finding, GuidelineError, Refer, Row, read_guideline
from retineye.clinic.models import Exam

# International Council of Ophthalmology, Guidelines for Diabetic Eye Care, 2017, and the position statement of the
# American Diabetes Association, 2017, table 4, and the NHS programme: key of the table, finding, next (from, to),
# refer, urgent, "in less than", follow-up.
LITERALLY = [
    ("ico-2017-high", "no_dr", "12 months", "24 months", "no", False, False, None),
    ("ico-2017-high", "mild_npdr", "6 months", "12 months", "no", False, False, None),
    ("ico-2017-high", "moderate_npdr", "3 months", "6 months", "yes", False, False, None),
    ("ico-2017-high", "severe_npdr", "3 months", "3 months", "yes", False, True, None),
    ("ico-2017-high", "proliferative_dr", "1 month", "1 month", "yes", True, True, None),
    ("ico-2017-high", "dme_not_central", "3 months", "3 months", "yes", False, False, None),
    ("ico-2017-high", "dme_central", "1 month", "1 month", "yes", True, False, None),
    ("ico-2017-high", "treated_stable", "6 months", "12 months", "in_care", False, False, None),
    ("ico-2017-high", "dme_suspected", "1 month", "1 month", "yes", True, False, None),
    ("ico-2017-low", "no_dr", "12 months", "24 months", "no", False, False, None),
    ("ico-2017-low", "mild_npdr", "12 months", "24 months", "no", False, False, None),
    ("ico-2017-low", "moderate_npdr", "6 months", "12 months", "yes", False, False, None),
    ("ico-2017-low", "severe_npdr", "3 months", "3 months", "yes", False, True, None),
    ("ico-2017-low", "proliferative_dr", "1 month", "1 month", "yes", True, True, None),
    ("ico-2017-low", "dme_not_central", "3 months", "3 months", "advised", False, False, None),
    ("ico-2017-low", "dme_central", "1 month", "1 month", "yes", True, False, None),
    ("ico-2017-low", "treated_stable", "6 months", "12 months", "in_care", False, False, None),
    ("ico-2017-low", "dme_suspected", "1 month", "1 month", "yes", True, False, None),
    ("ada-2017", "no_dr", "12 months", "24 months", "no", False, False, None),
    ("ada-2017", "mild_npdr", "12 months", "12 months", "no", False, False, None),
    ("ada-2017", "moderate_npdr", "3 months", "6 months", "yes", False, False, ("6 months", "9 months")),
    ("ada-2017", "severe_npdr", "at once", "at once", "yes", True, False, ("3 months", "6 months")),
    ("ada-2017", "proliferative_dr", "at once", "at once", "yes", True, False, ("3 months", "3 months")),
    ("ada-2017", "dme_not_central", "3 months", "6 months", "yes", False, False, ("6 months", "6 months")),
    ("ada-2017", "dme_central", "at once", "at once", "yes", True, False, ("1 month", "4 months")),
    ("ada-2017", "dme_suspected", "at once", "at once", "yes", True, False, ("1 month", "4 months")),
    ("nhs-style-2021", "no_dr", "12 months", "24 months", "no", False, False, None),
    ("nhs-style-2021", "mild_npdr", "12 months", "12 months", "no", False, False, None),
    ("nhs-style-2021", "moderate_npdr", "13 weeks", "13 weeks", "yes", False, False, None),
    ("nhs-style-2021", "severe_npdr", "13 weeks", "13 weeks", "yes", False, False, None),
    ("nhs-style-2021", "proliferative_dr", "6 weeks", "6 weeks", "yes", True, False, None),
    ("nhs-style-2021", "dme_not_central", "3 months", "9 months", "advised", False, False, None),
    ("nhs-style-2021", "dme_central", "13 weeks", "13 weeks", "yes", False, False, None),
    ("nhs-style-2021", "treated_stable", "12 months", "12 months", "in_care", False, False, None),
    ("nhs-style-2021", "dme_suspected", "13 weeks", "13 weeks", "yes", False, False, None),
]


def row_of(key: str, finding: str) -> Row:
    return GUIDELINES[key].rows[Finding(finding)]


@pytest.mark.parametrize(
    ("key", "finding", "shortest", "longest", "refer", "urgent", "under", "follow_up"),
    LITERALLY,
    ids=[f"{row[0]}-{row[1]}" for row in LITERALLY],
)
def test_each_row_says_what_its_guideline_says(
    key: str,
    finding: str,
    shortest: str,
    longest: str,
    refer: str,
    urgent: bool,
    under: bool,
    follow_up: tuple[str, str] | None,
) -> None:
    row = row_of(key, finding)
    assert (str(row.shortest), str(row.longest)) == (shortest, longest)
    assert row.referral is Refer(refer)
    assert (row.urgent, row.under) == (urgent, under)
    assert (tuple(str(span) for span in row.follow_up) if row.follow_up else None) == follow_up


def test_the_list_above_holds_every_row_of_every_table() -> None:
    there = {(key, finding.value) for key, table in GUIDELINES.items() for finding in table.rows}
    assert {(row[0], row[1]) for row in LITERALLY} == there


def test_every_table_names_itself_with_version_and_setting_and_has_a_file_of_its_own() -> None:
    assert {key: table.title for key, table in GUIDELINES.items()} == {
        "ada-2017": "ADA 2017, position statement, table 4",
        "ico-2017-high": "ICO 2017, high resource",
        "ico-2017-low": "ICO 2017, low or intermediate resource",
        "nhs-style-2021": "NHS-style 2021, recall by ICDR grade",
    }
    for key, table in GUIDELINES.items():
        assert (FOLDER / f"{key}.toml").exists()
        assert len(table.sha256) == 64
        assert table.source


def test_the_default_is_a_table_that_there_is() -> None:
    assert Exam().guideline == Organisation().guideline == "ico-2017-high"
    assert Exam().guideline in GUIDELINES


def test_only_the_table_whose_grades_are_not_icdr_grades_asks_for_the_reader_s_word() -> None:
    assert [key for key, table in GUIDELINES.items() if table.reader_must_confirm] == ["nhs-style-2021"]


def test_the_rows_of_the_nhs_style_table_keep_their_own_names() -> None:
    own = {finding.value: row.own for finding, row in GUIDELINES["nhs-style-2021"].rows.items() if row.own}
    assert own == {
        "no_dr": "R0M0",
        "mild_npdr": "R1M0",
        "moderate_npdr": "R2",
        "severe_npdr": "R2",
        "proliferative_dr": "R3A",
        "dme_not_central": "M1, low risk",
        "dme_central": "M1, high risk",
        "treated_stable": "R3S",
    }


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('schema = "retineye.guideline/1"', 'schema = "retineye.guideline/9"', "schema"),
        ('key = "ico-2017-high"', 'key = "ico-2018-high"', "not the name of the file"),
        ("[rows.severe_npdr]", "[rows.severe]", "severe"),
        ("[rows.dme_central]", "[rows.dme_suspected]", "not the table's own"),
        ('next = ["3 months", "6 months"]', 'next = ["6 months", "3 months"]', "longer than"),
        ('next = ["3 months", "6 months"]', 'next = ["soon", "6 months"]', "no time such as"),
        ('next = ["3 months", "6 months"]', 'next = ["18 months", "18 months"]', "waits longer"),
        ("urgent = true", "urgent = false", "always urgent"),
        ("under = true", "below = true", "unknown keys"),
        ('refer = "yes"', 'refer = "no"', "always referred"),
        ('refer = "yes"', 'refer = "perhaps"', "perhaps"),
        ("[rows.no_dr]", "[rows.no_dr", "can not be used"),
    ],
)
def test_a_table_that_is_wrong_stops_the_start_and_says_why(tmp_path: Path, old: str, new: str, what: str) -> None:
    text = (FOLDER / "ico-2017-high.toml").read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / "ico-2017-high.toml"
    broken.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(GuidelineError, match=what) as caught:
        read_guideline(broken)
    assert "ico-2017-high.toml" in str(caught.value)
