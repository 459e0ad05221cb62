"""`retineye serve`: the web service and, beside it, one worker that is kept running."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from django.conf import settings
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from granian.constants import Interfaces
from granian.server import Server

from retineye.accounts.setup import first_run_link
from retineye.clinic.checks import NO_PACK_STATUS, pack_status
from retineye.config.door import Addresses, Door, qr_for_terminal
from retineye.config.lan import LOCAL_NAMES, Papers, own_addresses, own_names, papers
from retineye.config.static import collect

log = structlog.get_logger(__name__)

ANY_HOST = ("0.0.0.0", "::")  # noqa: S104  named to be told apart
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


@dataclass
class KeptWorker:
    """A worker process that is started again when it ends by itself."""

    command: str = "work"
    """Or another of our commands that ends with its parent."""
    pause_s: float = 1.0
    """Between the end of a worker and its successor."""
    no_pack_pause_s: float = 15.0
    """The same where the worker found no pack that can be trusted."""
    drain_s: float = 30.0
    """So long a worker may finish the photograph in hand."""
    _stopping: threading.Event = field(default_factory=threading.Event)
    _process: subprocess.Popen[bytes] | None = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the worker and watch it.

        The first one is started here and not by the thread: a server process that is forked at the very moment would
        keep the pipe open on which `Popen` waits, and the thread would never see its worker end.
        """
        self._process = self._spawn()
        self._thread = threading.Thread(target=self._keep, name="kept-worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the worker finish its photograph, and end it."""
        self._stopping.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self.drain_s)
            if self._process.poll() is None:
                self._process.kill()
        if self._thread is not None:
            self._thread.join(5)

    def _keep(self) -> None:
        while self._process is not None:
            status = self._process.wait()
            if self._stopping.is_set():
                return
            log.warning("worker_ended", command=self.command, status=status)
            if self._stopping.wait(self.no_pack_pause_s if status == NO_PACK_STATUS else self.pause_s):
                return
            self._process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, "-m", "django", self.command, "--parent", str(os.getpid())], stdin=subprocess.DEVNULL
        )


def say(text: str = "") -> None:
    """Print a line for the person who started the service, at once."""
    print(text, flush=True)


def serve(host: str, port: int, *, worker: bool, lan: bool = False) -> None:
    """Prepare database and static files, print what a person must know, and serve until told to stop."""
    _stop_where_taken(host, port)
    if lan:
        _stop_where_taken(host, port + 1)
    _stop_on_errors()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    collect()
    shown = papers(Path(settings.DATA_DIR) / "lan") if lan else None
    door = _open_door(host, port, shown) if shown else None
    if not door:
        _greet(f"http://{f'[{host}]' if ':' in host else host}:{port}", host)
    # The server's processes open connections of their own.
    connections.close_all()
    close_pools()
    # An inbox whose rules can not be used is looked at again only now and then.
    kept = [KeptWorker()] if worker else []
    if settings.RETINEYE_INBOXES:
        kept.append(KeptWorker("watch_inbox", pause_s=15.0))
    for one in kept:
        one.start()
    try:
        server = Server(
            "retineye.config.asgi:application",
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
            respawn_failed_workers=True,
            ssl_cert=shown.certificate if shown else None,
            ssl_key=shown.key if shown else None,
        )
        server.serve()
    finally:
        for one in kept:
            one.stop()
        if door:
            door.close()


def close_pools() -> None:
    """Close the pools of this process: a copy of it would share their sockets."""
    for one in connections.all(initialized_only=True):
        if isinstance(one, PostgresWrapper) and one.pool:
            one.close_pool()


def _open_door(host: str, port: int, shown: Papers) -> Door:
    own = own_addresses()[0] if host in ANY_HOST else host
    name = next((name for name in own_names() if name not in LOCAL_NAMES), "")
    addresses = Addresses(
        service=f"https://{own}:{port}/",
        by_name=f"https://{name}:{port}/" if name else "",
        door=f"http://{own}:{port + 1}/",
    )
    _greet(addresses.service.removesuffix("/"), host)
    say(f"Phones and tablets of this network: open {addresses.door} on each of them once, and follow its steps.")
    say(qr_for_terminal(addresses.door))
    say(f"Fingerprint of the certificate to trust (SHA-256):\n  {shown.fingerprint}")
    if addresses.by_name:
        say(f"\nBy name, where the network knows it: {addresses.by_name}  (passkeys need the name)")
    say(f"On this machine: https://localhost:{port}/\n")
    door = Door(host, port + 1, addresses, shown)
    door.open()
    return door


def _stop_where_taken(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise SystemExit(
                f"RetinEye does not start: {host} port {port} can not be used ({exc.strerror}). "
                "Is it running already? Choose another with --port."
            ) from exc


def _stop_on_errors() -> None:
    # Warnings are not repeated here: the one that everybody must know, about the pack, is in the greeting.
    errors = [message for message in run_checks() if message.is_serious()]
    if errors:
        lines = [f"RetinEye does not start: {message.msg} {message.hint or ''}" for message in errors]
        raise SystemExit("\n".join(lines))


def _greet(address: str, host: str) -> None:
    say()
    say(f"RetinEye: {address}/")
    status = pack_status(fresh=True)
    if not status.ok:
        say(f"\n*** {status.message}")
    elif status.pack_id:
        say(f"Model pack: {status.pack_id}")
    if host not in LOCAL_HOSTS and not os.environ.get("RETINEYE_ALLOWED_HOSTS"):
        say("Set RETINEYE_ALLOWED_HOSTS to the names that browsers use for this machine, or they are turned away.")
    link = first_run_link(address)
    if link:
        say("\nNobody is here yet. Open this link once to set up your clinic and its first administrator:")
        say(f"  {link}")
    say()
