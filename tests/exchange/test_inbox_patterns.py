"""A file's name says what the clinic's patterns let it say, and nothing where it can be read in two ways."""

import re
from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retineye.exchange.inbox.patterns import FIELDS, Pattern, PatternError, Reading, Spelling, read
from retineye.exchange.inbox.rules import FILE, RulesError, rules_of
from retineye.grading.result import Eye

SENDER = "11111111-1111-4111-8111-111111111111"


def pattern(text: str, **spelling: tuple[str, ...]) -> Pattern:
    return Pattern("fundus45", text, Spelling(**spelling))


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("{patient}_{eye}_{date}", "A-17_OD_20261103.jpg", Reading("A-17", eye=Eye.RIGHT, on=date(2026, 11, 3))),
        ("{patient}_{eye}_{date}", "A-17_l_2026-11-03.JPG", Reading("A-17", eye=Eye.LEFT, on=date(2026, 11, 3))),
        ("{patient}_{eye}_{date}", "deep/er/A-17_os_20261103.tif", Reading("A-17", eye=Eye.LEFT, on=date(2026, 11, 3))),
        ("{patient}/{date}_{eye}", "x/A-17/20261103_R.png", Reading("A-17", eye=Eye.RIGHT, on=date(2026, 11, 3))),
        ("{patient}/{date}_{eye}", "A-17\\20261103_R.png", Reading("A-17", eye=Eye.RIGHT, on=date(2026, 11, 3))),
        (
            "{name}^{birth}^{patient}^{eye}{date}{time}",
            "RUIZ_ANA^19680305^A-17^R20261103101502.jpg",
            Reading("A-17", "", "RUIZ ANA", date(1968, 3, 5), Eye.RIGHT, date(2026, 11, 3), time(10, 15, 2)),
        ),
        ("{order}-{eye}-{field}", "AB12-OS-macula.jpg", Reading("", "AB12", eye=Eye.LEFT, field="macula")),
        ("IMG {patient} {eye} {any}", "img 17.5 RE 0003 (2).jpg", Reading("17.5", eye=Eye.RIGHT)),
        ("{patient}", "A_17_x.jpg", Reading("A_17_x")),
    ],
)
def test_a_name_is_read_as_the_pattern_says(text: str, path: str, said: Reading) -> None:
    found = read(path, [pattern(text)])
    assert (found.reading, found.pattern, found.several) == (said, "fundus45", False)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{patient}_{eye}_{date}", "A-17_OD.jpg"),
        ("{patient}_{eye}_{date}", "A-17_OU_20261103.jpg"),
        ("{patient}_{eye}_{date}", "A-17_OD_20261399.jpg"),
        ("{patient}_{eye}_{date}", "A-17_OD_20261103_2.jpg"),
        ("{patient}_{eye}_{date}", "_OD_20261103.jpg"),
        ("{patient}/{eye}", "OD.jpg"),
        ("{patient}_{eye}_{time}", "A-17_OD_2975.jpg"),
    ],
)
def test_a_name_that_does_not_fit_says_nothing(text: str, path: str) -> None:
    assert read(path, [pattern(text)]).reading is None


def test_a_name_that_can_be_read_in_two_ways_is_not_read() -> None:
    found = read("A_17_OD_left_OS_x.jpg", [pattern("{patient}_{eye}_{any}")])
    assert (found.reading, found.several) == (None, True)
    # One pattern says a right eye, the other one a number.
    both = [pattern("{patient}_{eye}"), Pattern("other", "{any}_{patient}", Spelling())]
    assert read("17_R.jpg", both).several
    same = [pattern("{patient}_{eye}"), Pattern("other", "{patient}_{eye}", Spelling())]
    assert read("17_R.jpg", same).reading == Reading("17", eye=Eye.RIGHT)


def test_days_are_read_in_the_order_that_the_clinic_says() -> None:
    said = read("17_R_03.11.2026.jpg", [pattern("{patient}_{eye}_{date}", dates=("DD.MM.YYYY",))]).reading
    assert said is not None and said.on == date(2026, 11, 3)
    # Two orders, and a day that both can mean: nobody knows which.
    both = pattern("{patient}_{eye}_{date}", dates=("DDMMYYYY", "MMDDYYYY"))
    assert read("17_R_03112026.jpg", [both]).reading is None
    clear = read("17_R_31122026.jpg", [both]).reading
    assert clear is not None and clear.on == date(2026, 12, 31)


def test_a_clinic_has_its_own_words_for_the_eyes() -> None:
    said = read("17_der.jpg", [pattern("{patient}_{eye}", right=("DER",), left=("IZQ",))]).reading
    assert said is not None and said.eye is Eye.RIGHT
    assert read("17_R.jpg", [pattern("{patient}_{eye}", right=("DER",), left=("IZQ",))]).reading is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "1 to 200"),
        ("{eye}_{date}", "{patient} or {order}"),
        ("{patient}_{side}", "{side} is not known"),
        ("{patient}_{patient}", "twice"),
        ("{patient}{eye}", "Nothing parts"),
        ("{patient", "brace"),
        ("{patient}_{any}_{any}_{name}", "At most 3"),
        ("/{patient}", "slash"),
        ("../{patient}", "letter"),
        ("{patient}*", "letter"),
        ("x" * 201, "1 to 200"),
    ],
)
def test_a_pattern_that_can_not_be_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(PatternError, match=re.escape(why)):
        pattern(text)


@pytest.mark.parametrize(
    ("spelling", "why"),
    [
        ({"right": ("R", "OD"), "left": ("od",)}, "both eyes"),
        ({"right": ()}, "at least one word"),
        ({"left": ("_",)}, "at least one word"),
        ({"dates": ("DDMMYY",)}, "YYYY, MM and DD"),
        ({"dates": ("YYYYMMDDMM",)}, "YYYY, MM and DD"),
        ({"dates": ("YYYY/MM/DD",)}, "YYYY, MM and DD"),
    ],
)
def test_words_and_dates_that_can_not_be_are_refused(spelling: dict[str, tuple[str, ...]], why: str) -> None:
    with pytest.raises(PatternError, match=why):
        pattern("{patient}_{eye}", **spelling)


NAMES = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="/"), max_size=255)


@given(
    st.lists(st.sampled_from([*("{" + one + "}" for one in FIELDS), "_", "-", " ", "/", "x"]), max_size=9).map("".join),
    st.lists(NAMES, max_size=4).map("/".join),
)
def test_no_pattern_and_no_name_break_the_reader(text: str, path: str) -> None:
    try:
        made = pattern(text)
    except PatternError:
        return
    found = read(path, [made])
    assert found.reading is None or found.reading.patient or found.reading.order or found.reading == Reading()


@given(
    st.text("ABC0189-.", min_size=1, max_size=12).filter(lambda text: text.strip(".") == text),
    st.sampled_from(Eye),
    st.dates(date(1901, 1, 1), date(2099, 12, 31)),
)
def test_what_is_written_by_a_pattern_is_read_back(number: str, eye: Eye, day: date) -> None:
    name = f"{number}_{'OD' if eye is Eye.RIGHT else 'OS'}_{day:%Y%m%d}.jpg"
    assert read(name, [pattern("{patient}_{eye}_{date}")]).reading == Reading(number, eye=eye, on=day)


def rules(folder: Path, text: str) -> Path:
    (folder / FILE).write_text(text, encoding="utf-8")
    return folder


def test_the_rules_lie_beside_the_folder(tmp_path: Path) -> None:
    found = rules_of(rules(tmp_path, f'sender = "{SENDER}"\nsettle_s = 2.5\n[patterns]\none = "{{patient}}_{{eye}}"\n'))
    assert (found.settle_s, found.patterns[0].name, found.keep_done is not None) == (2.5, "one", True)
    assert rules_of(rules(tmp_path, f'sender = "{SENDER}"\nkeep_done_days = 0\n')).keep_done is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "sender must be the id"),
        ("sender = 3", "sender must be the id"),
        (f'sender = "{SENDER}"\nsettle = 2', "'settle' is not known"),
        (f'sender = "{SENDER}"\nsettle_s = true', "settle_s must be a number"),
        (f'sender = "{SENDER}"\nsettle_s = 0', "settle_s must be a number"),
        (f'sender = "{SENDER}"\nright = "R"', "right must be a list"),
        (f'sender = "{SENDER}"\npatterns = ["x"]', "holds lines such as"),
        (f'sender = "{SENDER}"\n[patterns]\none = "{{eye}}"', "pattern 'one': It needs {patient} or {order}"),
        (f'sender = "{SENDER}"\n[patterns]\n' + "".join(f'p{i} = "{{patient}}"\n' for i in range(21)), "more than 20"),
        ("sender = ", "is no TOML"),
    ],
)
def test_rules_that_can_not_be_are_refused_with_the_reason(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(RulesError, match=re.escape(why)):
        rules_of(rules(tmp_path, text))


def test_rules_that_are_missing_are_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="is missing"):
        rules_of(tmp_path)
