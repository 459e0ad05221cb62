"""`retineye serve`: everything from one command, in real processes."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

WITHIN_S = 180


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    mine = [int(one) for one in listed.read_text().split()] if listed.exists() else []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        mine += [int(one) for one in task.read_text().split() if int(one) not in mine]
    return mine


def workers(pid: int) -> list[int]:
    """Give the worker processes among the service's children."""
    return [one for one in children(pid) if b"work" in Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")]


def until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + WITHIN_S
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.1)
    return found


class Service:
    """A running service, and what it has printed."""

    def __init__(self, folder: Path, pack: Path | str, *arguments: str) -> None:
        self.port, self.printed = free_port(), folder / "printed.txt"
        self.home = f"http://127.0.0.1:{self.port}"
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment |= {
            "DJANGO_SETTINGS_MODULE": "retineye.config.settings",
            "RETINEYE_DATA_DIR": str(folder / "data"),
            "RETINEYE_PACK": str(pack),
            "RETINEYE_DEBUG": "true",
        }
        with self.printed.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "retineye.cli", "serve", "--port", str(self.port), *arguments],
                env=environment,
                stdout=out,
                stderr=subprocess.DEVNULL,
            )

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.home}/health/", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            assert self.process.poll() is None, self.printed.read_text()
            return False

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture()
def serve(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Give a function that starts the service in the test's folder."""
    running: list[Service] = []

    def start(pack: Path | str, *arguments: str) -> Service:
        running.append(Service(tmp_path, pack, *arguments))
        until(running[-1].answers)
        return running[-1]

    yield start
    for service in running:
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait()


def test_one_command_sets_up_prints_the_first_link_and_keeps_a_worker_running(
    serve: Callable[..., Service], tiny_pack: Path, tmp_path: Path
) -> None:
    service = serve(tiny_pack)
    printed = service.printed.read_text()
    assert f"RetinEye: {service.home}/" in printed
    [link] = re.findall(rf"{service.home}/\S+", printed.split("Open this link once", 1)[1])
    with urllib.request.urlopen(link) as page:  # noqa: S310
        assert page.status == 200

    [worker] = until(lambda: workers(service.process.pid))
    os.kill(worker, signal.SIGKILL)
    [successor] = until(lambda: [one for one in workers(service.process.pid) if one != worker])

    assert service.stop() == 0
    assert not Path(f"/proc/{successor}").exists()
    with closing(sqlite3.connect(tmp_path / "data" / "retineye.sqlite3")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)

    again = serve(tiny_pack, "--no-worker")
    assert link not in again.printed.read_text().split("RetinEye: ")[-1]
    assert workers(again.process.pid) == []
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(link.replace(service.home, again.home))  # noqa: S310


def test_without_a_pack_the_service_starts_and_says_so(serve: Callable[..., Service], tmp_path: Path) -> None:
    service = serve(tmp_path / "nowhere")
    printed = service.printed.read_text()
    assert "***" in printed
    assert "nothing is graded until the pack is put right" in printed
    assert service.stop() == 0


def test_a_port_that_is_taken_is_said_so(tmp_path: Path) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "retineye.cli", "serve", "--port", str(port)],
            env={
                **os.environ,
                "RETINEYE_DATA_DIR": str(tmp_path),
                "DJANGO_SETTINGS_MODULE": "retineye.config.settings",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"port {port} can not be used" in done.stderr
