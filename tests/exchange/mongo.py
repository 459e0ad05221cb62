"""A server that speaks MongoDB's protocol, and a first RetinEye in it: with the faults that it had."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson import ObjectId
from pymongo import MongoClient
from pymongo.errors import PyMongoError

START_S = 60.0


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Have the server up inside the `with` block; give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("nx-27017")),
        *("--data-dir", str(folder / "mongo"), "-p", str(port)),
        *("--log-file", str(folder / "mongo.log"), "--pid-file", str(folder / "mongo.pid")),
    ]
    (folder / "mongo").mkdir()
    with (folder / "mongo.out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            yield _answering(f"mongodb://127.0.0.1:{port}/", process)
        finally:
            process.terminate()
            process.wait(20)


def _answering(uri: str, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + START_S
    while True:
        try:
            with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=500) as client:
                client.admin.command("ping")
            return uri
        except PyMongoError as exc:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("The MongoDB server did not start.") from exc
            time.sleep(0.2)


def made(day: datetime, number: int) -> ObjectId:
    """Give an `_id` that was made at a moment."""
    return ObjectId(f"{int(day.timestamp()):08x}{number:016x}")


SPRING = datetime(2021, 5, 4, 9, 30, tzinfo=UTC)

HOSPITALS: list[dict[str, Any]] = [
    {"_id": made(SPRING, 1), "id": 1, "name": "Harbour Eye Clinic"},
    {"_id": made(SPRING, 2), "id": 2, "name": "Valley Hospital"},
]
STAFF: list[dict[str, Any]] = [
    {
        "_id": made(SPRING, 11),
        "id": 57,
        "name": "Dr Lee",
        "email": "lee@harbour.example",
        "password": "letmein-1",
        "hospital": 1,
    },
    # The same lot again: a second registration overwrote the first in the old pages, and both documents are left.
    {
        "_id": made(SPRING, 12),
        "id": 57,
        "name": "Dr Mora",
        "email": "mora@harbour.example",
        "password": "letmein-2",
        "hospital": 1,
    },
    {"_id": made(SPRING, 13), "id": 8, "name": "Dr Ito", "username": "ito", "password": "letmein-3", "hospital": 2},
    {
        "_id": made(SPRING, 14),
        "id": 9,
        "name": "Dr Paz",
        "email": "paz@valley.example",
        "password": "letmein-4",
        "hospital": "Valley Hospital",
    },
]
PATIENTS: list[dict[str, Any]] = [
    # Whole photograph, its side in the file's name, and a digit for a result.
    {
        "_id": made(SPRING, 21),
        "id": 42,
        "name": "Ana Ruiz",
        "age": 53,
        "gender": "F",
        "phone": "0700 1",
        "hospital": 1,
        "image": "images/ruiz_OD.jpg",
        "result": 2,
    },
    # The number is shared; only a thumbnail is left; the result says nothing.
    {
        "_id": made(SPRING, 22),
        "id": 42,
        "name": "Ben Okoro",
        "dob": "1960-02-03",
        "gender": "male",
        "hospital": 1,
        "image": "/media/images/okoro.jpg",
        "result": "-",
    },
    # The photograph is missing; the hospital is known by the doctor alone.
    {
        "_id": made(SPRING, 23),
        "id": 7,
        "name": "Chen",
        "age": "61",
        "doctor": 9,
        "image": "images/lost.jpg",
        "result": "Proliferative DR",
    },
    # No picture at all, a broken one, and a path out of the folder.
    {"_id": made(SPRING, 24), "id": 8, "name": "Dia Sow", "hospital": 2, "image": "images/broken.jpg"},
    {"_id": made(SPRING, 25), "id": 9, "name": "Eva Lind", "hospital": 2, "image": "../../secret.jpg", "result": "0"},
    # Nobody's, and nobody.
    {"_id": made(SPRING, 26), "id": 10, "name": "Finn", "hospital": 77},
    {"_id": made(SPRING, 27), "id": 11, "name": "", "hospital": 1},
]
RESULTS: list[dict[str, Any]] = [
    {"_id": made(SPRING, 31), "patient_id": 7, "grade": 1, "date": datetime(2022, 1, 9)},
    {"_id": made(SPRING, 32), "patient_id": 42, "grade": 3},
    {"_id": made(SPRING, 33), "patient_id": 999, "grade": 3},
]


def fill(uri: str) -> None:
    """Put the first RetinEye into the server."""
    with MongoClient[dict[str, Any]](uri) as client:
        held = client["retineye"]
        for name, documents in (
            ("app_hospital", HOSPITALS),
            ("app_doctor", STAFF),
            ("app_patient", PATIENTS),
            ("app_result", RESULTS),
            ("django_session", [{"_id": made(SPRING, 41), "session_key": "x"}]),
        ):
            held[name].insert_many([dict(one) for one in documents])
