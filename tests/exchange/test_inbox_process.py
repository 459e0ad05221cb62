"""The watch in a process of its own, killed at random points, and kept beside the service by a setting."""

import io
import os
import random
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.exchange.listening import House, free_port, house
from tests.photos import encode, retina

RULES = """
sender = "{sender}"
settle_s = 0.3
[patterns]
fundus45 = "{pattern}"
"""
COUNT = """
from retineye.clinic.models import Arrival, Photograph
print(Arrival.objects.filter(state="filed").count(), Arrival.objects.count(), Photograph.objects.count(),
      Photograph.objects.values("sha256").distinct().count())
"""


def inbox(house: House, folder: Path, pattern: str = "{patient}_{eye}_{any}") -> Path:
    """Make an inbox for the house's clinic, and a visit of its patient today."""
    said = house.manage("sender", "Share in room 2")
    (folder / "in").mkdir(parents=True)
    (folder / "inbox.toml").write_text(RULES.format(sender=said.split()[-1], pattern=pattern))
    house.manage(
        script="""
from retineye.accounts.models import User
from retineye.clinic.exams import create_exam
from retineye.clinic.models import Patient
create_exam(User.objects.get(email="nurse@hill.example"), Patient.objects.get())
"""
    )
    return folder


def pictures(count: int) -> list[bytes]:
    """Draw small photographs, each another one."""
    base, made = retina(width_px=96, height_px=64, seed=7), []
    for number in range(count):
        pixels = base.copy()
        pixels[0, :3] = number
        made.append(encode(pixels, "PNG"))
    return made


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def start(house: House, *arguments: str) -> "subprocess.Popen[bytes]":
    log = (house.folder / "watch.log").open("ab")
    made = subprocess.Popen(
        [sys.executable, "-m", "retineye.cli", *arguments], env=house.environ(), stdout=log, stderr=log
    )
    log.close()
    return made


def until(done: Callable[[], bool], house: House) -> None:
    end = time.monotonic() + 400
    while not done():
        assert time.monotonic() < end, (house.folder / "watch.log").read_text()[-3000:]
        time.sleep(0.2)


def files_in(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if one.is_file() and not one.name.endswith(".reason.txt")]


@pytest.mark.timeout(1200)
def test_a_watch_that_is_killed_at_random_loses_nothing_and_takes_nothing_twice(tmp_path: Path) -> None:
    rng = random.Random(11)
    day = time.strftime("%Y%m%d")
    with house(tmp_path / "house") as hill:
        folder = inbox(hill, tmp_path / "hill", "{patient}_{eye}_{date}{time}")
        drawn = pictures(40)
        names = [f"A-17_{'OD' if number % 2 else 'OS'}_{day}1000{number:02}.png" for number in range(40)]
        loose = dict(zip(names[:28], drawn[:28], strict=True))
        process = start(hill, "watch-inbox", str(folder))
        try:
            for number, (name, data) in enumerate(loose.items()):
                (folder / "in" / name).write_bytes(data)
                if number == 14:
                    archive = zipped(dict(zip(names[28:], drawn[28:], strict=True)))
                    (folder / "in" / "export.zip").write_bytes(archive)
                if number in (6, 13, 20, 27):
                    # Wherever it is: asleep, reading, between store and row, between row and move.
                    before = len(files_in(folder / "done"))
                    until(lambda before=before: len(files_in(folder / "done")) > before, hill)  # type: ignore[misc]
                    time.sleep(rng.uniform(0, 0.4))
                    process.kill()
                    process.wait()
                    process = start(hill, "watch-inbox", str(folder))
            until(lambda: not files_in(folder / "in"), hill)
            until(lambda: hill.manage(script=COUNT).split()[0] == "40", hill)
            process.terminate()
            assert process.wait(120) == 0
        finally:
            process.kill()
            process.wait()
        assert hill.manage(script=COUNT).split() == ["40", "40", "40", "40"]
        assert not files_in(folder / "quarantine")
        assert Counter(one.name for one in files_in(folder / "done")) == Counter([*loose, "export.zip"])


@pytest.fixture(scope="module")
def hill(tmp_path_factory: pytest.TempPathFactory) -> House:
    with house(tmp_path_factory.mktemp("inbox") / "house") as made:
        yield made  # type: ignore[misc]


def run(hill: House, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "retineye.cli", "watch-inbox", *arguments], env=hill.environ(), capture_output=True,
        text=True, check=False, timeout=200,
    )  # fmt: skip


def test_the_tester_says_how_names_are_read(hill: House, tmp_path: Path) -> None:
    folder = inbox(hill, tmp_path / "hill")
    (folder / "in" / "A-17_R_1.jpg").write_bytes(b"x")
    (folder / "in" / "IMG_1.jpg").write_bytes(b"x")
    said = run(hill, str(folder), "--try-all")
    assert said.returncode == 0, said.stderr
    assert "A-17_R_1.jpg\n  fundus45: patient A-17, eye right" in said.stdout
    assert "IMG_1.jpg\n  fits no pattern" in said.stdout
    one = run(hill, "--try", "17_OS_x.jpg", "--try", "17_x.jpg", str(folder))
    assert "17_OS_x.jpg\n  fundus45: patient 17, eye left" in one.stdout
    (folder / "inbox.toml").write_text((folder / "inbox.toml").read_text().replace("{patient}", "{number}"))
    wrong = run(hill, str(folder))
    assert wrong.returncode == 2
    assert "pattern 'fundus45': {number} is not known" in wrong.stderr


def test_a_timer_of_the_system_takes_what_is_there(hill: House, tmp_path: Path) -> None:
    folder = inbox(hill, tmp_path / "hill")
    (folder / "in" / "A-17_R_1.png").write_bytes(pictures(1)[0])
    said = run(hill, "--once", str(folder))
    assert said.returncode == 0, said.stderr
    assert "1 files were taken or laid aside" in said.stdout
    assert len(files_in(folder / "done")) == 1


def test_without_a_folder_it_says_what_to_do(hill: House) -> None:
    said = run(hill)
    assert said.returncode == 2
    assert "RETINEYE_INBOXES" in said.stderr


@pytest.mark.timeout(900)
def test_the_service_keeps_the_watch_beside_it_where_a_setting_names_inboxes(tmp_path: Path) -> None:
    # For developers: static files are not compressed, which takes longer than all the rest.
    with house(tmp_path / "house", RETINEYE_DEBUG="true") as hill:
        folder = inbox(hill, tmp_path / "hill")
        hill.environment["RETINEYE_INBOXES"] = str(folder)
        process = start(hill, "serve", "--no-worker", "--port", str(free_port()))
        try:
            (folder / "in" / "A-17_R_1.png").write_bytes(pictures(1)[0])
            until(lambda: len(files_in(folder / "done")) == 1, hill)
        finally:
            process.terminate()
            process.wait(60)
        assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and _watches(int(pid), folder)]


def _watches(pid: int, folder: Path) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        return str(folder).encode() in environment and b"watch_inbox" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
