"""Every setting and every code stands in the documentation, and nothing stands there that is not so."""

import re
from pathlib import Path

from retineye.clinic import archive, failures, intake, pieces, uploads
from retineye.grading import errors

ROOT = Path(__file__).parents[2]
SETTING = re.compile(r"\b(RETINEYE_[A-Z_]+[A-Z]|DATABASE_URL)\b")
READ = re.compile(r'read\.\w+\(\s*"(\w+)"|read\.text\("(\w+)"')


def documented(page: str) -> set[str]:
    """Give the codes in the first columns of a page's tables."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE))


def subclasses(root: type) -> set[type]:
    return {root}.union(*(subclasses(one) for one in root.__subclasses__()))


def test_every_setting_is_documented_and_every_documented_setting_is_read() -> None:
    source = (ROOT / "src" / "retineye" / "config" / "settings.py").read_text(encoding="utf-8")
    read = {name for pair in READ.findall(source) for name in pair if name} | {"RETINEYE_SECRET_KEY_FILE"}
    assert documented("configure.md") == read


def test_no_other_file_reads_a_setting_that_is_not_documented() -> None:
    known = documented("configure.md")
    for path in (ROOT / "src" / "retineye").rglob("*.py"):
        for name in re.findall(
            r'(?:environ(?:\.get)?[\[(]|envvar=)"((?:RETINEYE_|DATABASE_)\w+)"', path.read_text("utf-8")
        ):
            assert name in known, f"{path.name} reads {name}"


def test_every_error_code_is_documented_and_every_documented_code_is_raised() -> None:
    codes = {one.code for one in subclasses(errors.GradingError)}  # type: ignore[attr-defined]
    codes |= {one.code for one in subclasses(intake.IntakeError) if isinstance(getattr(one, "code", None), str)}
    codes |= {one.code for one in subclasses(uploads.UploadError) - {pieces.NotTaken}}  # type: ignore[attr-defined]
    codes |= {one.code for one in subclasses(archive.ArchiveError)} | {"archive_empty"}  # type: ignore[attr-defined]
    codes |= set(failures.FAILURES)
    checks = (ROOT / "src" / "retineye" / "clinic" / "checks.py").read_text(encoding="utf-8")
    codes |= set(re.findall(r'id="(retineye\.\w+)"', checks))
    assert documented("errors.md") == codes


def test_every_failure_says_what_it_is_and_what_to_do() -> None:
    for code, failure in failures.FAILURES.items():
        assert failures.failure_text(code) is failure
        assert failure.label
        assert failure.advice.endswith(".")
    assert failures.failure_text("of_a_later_version").label == "of a later version"
