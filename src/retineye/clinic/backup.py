"""Back up database and files as one, and bring them back onto an empty machine.

A backup is a folder. `objects/` holds each content once, under its checksum, so a later backup writes only what is new;
`backups/` holds one list for each backup. The database is copied first and the files afterwards: as a file is always
there before its row, each row of the copy finds its file.

BackupError
├── Damaged      what was backed up is not what comes back
├── Failed       a program that is needed has said no
├── NotEmpty     there is something already where it should be brought back to
└── NoTool       a program or package that is needed is missing
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import connection, transaction

FORM: Final = "retineye.backup/1"
SECRET: Final = "secret-key"  # noqa: S105  the name of a file
_CHUNK: Final = 1024 * 1024
_PASSED_OVER: Final = frozenset({"probes"})


class BackupError(Exception):
    """It was not backed up, or not brought back; `str()` is a sentence."""


class Damaged(BackupError):
    """What was backed up is not what comes back."""


class NotEmpty(BackupError):
    """There is something already where it should be brought back to."""


class NoTool(BackupError):
    """A program or package that is needed is missing."""


class Failed(BackupError):
    """A program that is needed has said no."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was backed up or brought back."""

    name: str
    """Of the backup: the moment it began."""
    files: int
    written: int
    """Contents that were not in the folder before; in a restore, as many as files."""
    rows: int


Change = Callable[[Path, Path], None]
"""Writes one file as another: as it is, encrypted or decrypted."""


def back_up(folder: Path, *, encrypt: Change | None = None) -> Done:
    """Copy database, files and the secret key into the folder.

    Raises
    ------
    BackupError
        If anything could not be copied. What earlier backups hold is never touched.
    """
    _hold_to_one_way(folder, "age" if encrypt else "open")
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    with tempfile.TemporaryDirectory(prefix="backup-", dir=settings.DATA_DIR) as aside:
        store = _Objects(folder, Path(aside), encrypt or _copy)
        dump = Path(aside) / "database"
        rows = _dump_database(dump)
        listed: dict[str, Any] = {
            "form": FORM,
            "database": {"kind": connection.vendor, "sum": store.put(dump), "rows": rows},
            "files": {place: store.put_stored(place) for place in _stored("")},
            "secret": store.put(Path(settings.DATA_DIR) / SECRET)
            if (Path(settings.DATA_DIR) / SECRET).exists()
            else "",
        }
        manifest = Path(aside) / "manifest"
        manifest.write_text(json.dumps(listed, indent=1, sort_keys=True), encoding="utf-8")
        (folder / "backups").mkdir(parents=True, exist_ok=True)
        _write_whole(manifest, folder / "backups" / name, encrypt or _copy)
    return Done(name, len(listed["files"]), store.written, sum(rows.values()))


def bring_back(folder: Path, *, name: str = "", decrypt: Change | None = None) -> Done:
    """Bring a backup, the latest unless one is named, onto an empty machine, and compare files and counts of rows.

    Raises
    ------
    BackupError
        If there is something here already, or the backup is not whole; then nothing was changed, or what was brought
        back is not to be used.
    """
    _refuse_where_not_empty()
    names = sorted(path.name for path in (folder / "backups").glob("*Z"))
    if not names or (name and name not in names):
        raise Damaged(f"{folder} holds no such backup.")
    chosen = name or names[-1]
    with tempfile.TemporaryDirectory(prefix="restore-", dir=settings.DATA_DIR) as aside:
        store = _Objects(folder, Path(aside), decrypt or _copy)
        listed = store.read_list(folder / "backups" / chosen)
        # Everything is looked at before anything is changed.
        for wanted in {*listed["files"].values(), listed["database"]["sum"]}:
            store.get(wanted).unlink()
        for place, wanted in listed["files"].items():
            _keep(store.get(wanted), place)
        if listed["secret"]:
            kept = Path(settings.DATA_DIR) / SECRET
            kept.unlink(missing_ok=True)
            shutil.copyfile(store.get(listed["secret"]), kept)
            kept.chmod(0o600)
        _load_database(store.get(listed["database"]["sum"]), listed["database"]["kind"])
    rows = count_rows()
    if rows != listed["database"]["rows"]:
        raise Damaged("The database that was brought back has other rows than the one that was backed up.")
    return Done(chosen, len(listed["files"]), len(listed["files"]), sum(rows.values()))


def encrypt_for(recipients: Sequence[str]) -> Change:
    """Give what encrypts a file by age, for anybody who has the key of one of the recipients."""
    named = [word for recipient in recipients for word in ("--recipient", recipient)]
    return lambda source, target: _run("age", "--encrypt", *named, "--output", str(target), str(source))


def decrypt_by(identity: Path) -> Change:
    """Give what decrypts a file by age, with the key that lies in a file."""
    return lambda source, target: _run(
        "age", "--decrypt", "--identity", str(identity), "--output", str(target), str(source)
    )


def _hold_to_one_way(folder: Path, way: str) -> None:
    # A content that is there already is not written again: it must not lie there readable.
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "way"
    if not told.exists():
        told.write_text(way, encoding="ascii")
    elif told.read_text(encoding="ascii") != way:
        raise BackupError(
            f"{folder} holds backups that are {told.read_text()}; these would be {way}: name another folder."
        )


class _Objects:
    """The contents of a folder of backups, each under the SHA-256 of what it was before it was encrypted."""

    def __init__(self, folder: Path, aside: Path, change: Change) -> None:
        self.objects, self.aside, self.change = folder / "objects", aside, change
        self.written = 0

    def _place(self, wanted: str) -> Path:
        return self.objects / wanted[:2] / wanted

    def put(self, path: Path) -> str:
        """Keep a file's content, and give its checksum."""
        found = _sum(path)
        place = self._place(found)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, place, self.change)
            self.written += 1
        return found

    def put_stored(self, place: str) -> str:
        """Keep the content of a file of the store."""
        copy = self.aside / "file"
        with default_storage.open(place) as file, copy.open("wb") as out:
            shutil.copyfileobj(file, out, _CHUNK)
        found = self.put(copy)
        copy.unlink()
        return found

    def get(self, wanted: str) -> Path:
        """Give a copy of the content; `Damaged` where it is another, or gone."""
        copy = self.aside / wanted
        try:
            self.change(self._place(wanted), copy)
        except (OSError, Failed) as exc:
            raise Damaged(f"The content {wanted} can not be read.") from exc
        if _sum(copy) != wanted:
            raise Damaged(f"The content {wanted} is not what was backed up.")
        return copy

    def read_list(self, path: Path) -> dict[str, Any]:
        """Give what a backup holds."""
        copy = self.aside / "manifest"
        try:
            self.change(path, copy)
            listed: dict[str, Any] = json.loads(copy.read_text(encoding="utf-8"))
        except (OSError, ValueError, Failed) as exc:
            raise Damaged(f"The list {path.name} can not be read.") from exc
        if listed.get("form") != FORM:
            raise Damaged(f"The list {path.name} is of another version of RetinEye.")
        return listed


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _write_whole(source: Path, target: Path, change: Change) -> None:
    # Under another name first: a backup that is cut off leaves no half of a content under its checksum.
    part = target.with_name(f"{target.name}.part")
    change(source, part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stored(folder: str) -> Iterator[str]:
    if not folder and not default_storage.exists(""):
        return
    folders, files = default_storage.listdir(folder)
    for name in sorted(files):
        yield f"{folder}/{name}" if folder else name
    for name in sorted(folders):
        if folder or name not in _PASSED_OVER:
            yield from _stored(f"{folder}/{name}" if folder else name)


def _keep(copy: Path, place: str) -> None:
    with copy.open("rb") as file:
        kept = default_storage.save(place, File(file))
    if kept != place:
        raise NotEmpty(f"{place} is there already.")
    copy.unlink()


def count_rows() -> dict[str, int]:
    """Count the rows of each table of ours, by its name."""
    there = set(connection.introspection.table_names())
    models = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}
    return {table: models[table]._base_manager.count() for table in sorted(models.keys() & there)}


def _refuse_where_not_empty() -> None:
    rows = count_rows()
    if rows.get("accounts_organisation") or rows.get("accounts_user"):
        raise NotEmpty("This machine has a clinic already: bring a backup back onto an empty one.")
    if next(_stored(""), None) is not None:
        raise NotEmpty("The store of this machine holds files already: bring a backup back onto an empty one.")


def _dump_database(path: Path) -> dict[str, int]:
    if connection.vendor == "sqlite":
        with (
            closing(sqlite3.connect(connection.settings_dict["NAME"])) as source,
            closing(sqlite3.connect(path)) as copy,
        ):
            source.backup(copy)
            return _rows_of_copy(copy)
    with transaction.atomic(), connection.cursor() as cursor:
        # Counted and copied as of one moment, while people go on working.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT pg_export_snapshot()")
        moment = cursor.fetchone()[0]
        _postgres("pg_dump", "--format=custom", "--no-owner", f"--snapshot={moment}", f"--file={path}")
        return count_rows()


def _rows_of_copy(copy: sqlite3.Connection) -> dict[str, int]:
    # Of the copy itself: people go on working while it is made.
    there = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {
        table: int(copy.execute(f'SELECT COUNT(*) FROM "{table}"').fetchone()[0])  # noqa: S608  our own names
        for table in sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)} & there)
    }


def _load_database(path: Path, kind: str) -> None:
    if kind != connection.vendor:
        raise Damaged(f"It was backed up from {kind}; DATABASE_URL must name such a database.")
    if kind == "sqlite":
        connection.close()
        name = Path(connection.settings_dict["NAME"])
        for rest in (f"{name}-wal", f"{name}-shm"):
            Path(rest).unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as copy:
            if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise Damaged("The copy of the database is damaged.")
            with closing(sqlite3.connect(name)) as target:
                copy.backup(target)
        return
    connection.close()
    _postgres(
        "pg_restore", "--no-owner", "--clean", "--if-exists", "--exit-on-error", "--single-transaction", str(path)
    )


def _postgres(program: str, *arguments: str) -> None:
    given = connection.settings_dict
    said = {**given, **{name.upper(): value for name, value in given["OPTIONS"].items()}}
    where = {f"PG{name}": str(said[name]) for name in ("HOST", "PORT", "USER", "PASSWORD") if said.get(name)}
    _run(program, *arguments, f"--dbname={given['NAME']}", environment=where)


def _run(program: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
    path = shutil.which(program)
    if path is None:
        raise NoTool(f"{program} is missing: install it, on Debian by the package {_PACKAGES.get(program, program)}.")
    done = subprocess.run(  # noqa: S603  a program by its whole path
        [path, *arguments], env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failed(f"{program} has failed: {' '.join(done.stderr.strip().splitlines()[-2:])}")


_PACKAGES: Final = {"pg_dump": "postgresql-client", "pg_restore": "postgresql-client"}
