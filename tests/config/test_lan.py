"""https on a clinic's own network: who trusts the authority gets in, and the authority vouches for nothing else."""

import ipaddress
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from retineye.config import lan
from retineye.config.door import qr, qr_for_terminal

WITHIN_S = 180


def test_papers_are_made_once_and_kept_from_others(tmp_path: Path) -> None:
    first = lan.papers(tmp_path / "lan")
    before = {path.name: path.read_bytes() for path in (tmp_path / "lan").iterdir()}
    assert lan.papers(tmp_path / "lan") == first
    assert {path.name: path.read_bytes() for path in (tmp_path / "lan").iterdir()} == before
    for key in ("server.key", "authority.key"):
        assert (tmp_path / "lan" / key).stat().st_mode & 0o777 == 0o600
    assert re.fullmatch("([0-9A-F]{2}:){31}[0-9A-F]{2}", first.fingerprint)


def test_a_new_address_and_an_old_certificate_are_renewed_under_the_same_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lan.papers(tmp_path)
    old = first.certificate.read_bytes()
    monkeypatch.setattr(lan, "own_addresses", lambda: ["192.168.77.7", "127.0.0.1"])
    moved = lan.papers(tmp_path)
    assert moved.fingerprint == first.fingerprint
    assert moved.certificate.read_bytes() != old
    held = x509.load_pem_x509_certificate(moved.certificate.read_bytes())
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ipaddress.ip_address("192.168.77.7") in names.get_values_for_type(x509.IPAddress)
    year = datetime.now(UTC) + timedelta(days=380)
    later = lan.papers(tmp_path, year)
    assert later.fingerprint == first.fingerprint
    assert x509.load_pem_x509_certificate(later.certificate.read_bytes()).not_valid_after_utc > year
    assert (held.not_valid_after_utc - held.not_valid_before_utc).days <= 398


def test_an_authority_that_may_not_vouch_for_the_address_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lan, "own_addresses", lambda: ["192.168.1.7", "127.0.0.1"])
    first = lan.papers(tmp_path)
    monkeypatch.setattr(lan, "own_addresses", lambda: ["198.51.100.7", "127.0.0.1"])
    assert lan.papers(tmp_path).fingerprint != first.fingerprint


def test_the_authority_is_held_to_local_addresses_and_names(tmp_path: Path) -> None:
    kept = lan.papers(tmp_path)
    authority = x509.load_pem_x509_certificate(kept.authority.read_bytes())
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    names = {name.value for name in limits.value.permitted_subtrees or [] if isinstance(name, x509.DNSName)}
    assert names == {"localhost", "local", "lan", "home.arpa"}
    own = {ipaddress.ip_network(address) for address in lan.own_addresses()}
    for name in limits.value.permitted_subtrees or []:
        if isinstance(name, x509.IPAddress):
            network = ipaddress.ip_network(str(name.value))
            assert network.is_private or network in own or str(network) == "100.64.0.0/10"


def test_a_qr_code_is_drawn_for_page_and_terminal() -> None:
    drawn = qr("http://192.168.1.7:8001/")
    assert drawn.startswith("<svg")
    assert "style=" not in drawn
    assert "▀" in qr_for_terminal("http://192.168.1.7:8001/") or "█" in qr_for_terminal("http://192.168.1.7:8001/")


@pytest.fixture()
def served(tmp_path: Path, tiny_pack: Path) -> Iterator[tuple[int, Path]]:
    """Have `serve --lan` running; give its port and what it printed."""
    while True:
        with closing(socket.socket()) as one, closing(socket.socket()) as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                two.bind(("127.0.0.1", port + 1))
                break
            except OSError:
                continue
    printed = tmp_path / "printed.txt"
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {
        "DJANGO_SETTINGS_MODULE": "retineye.config.settings",
        "RETINEYE_DATA_DIR": str(tmp_path / "data"),
        "RETINEYE_PACK": str(tiny_pack),
        "PYTHONIOENCODING": "utf-8",
    }
    with printed.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "retineye.cli", "serve", "--lan", "--no-worker", "--port", str(port)],
            env=environment,
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
    end = time.monotonic() + WITHIN_S
    while not answers(port):
        assert process.poll() is None, printed.read_text(encoding="utf-8")
        assert time.monotonic() < end, "it did not start in time"
        time.sleep(0.2)
    yield port, printed
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def answers(port: int) -> bool:
    """Say whether the service listens."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_who_trusts_the_authority_gets_in_and_who_does_not_is_warned(served: tuple[int, Path]) -> None:
    port, printed = served
    door = f"http://127.0.0.1:{port + 1}"
    with urllib.request.urlopen(f"{door}/") as page:  # noqa: S310
        html = page.read().decode()
    assert html.count("<svg class") == 2 or html.count("qr") >= 2
    with urllib.request.urlopen(f"{door}/retineye-ca.crt") as given:  # noqa: S310
        assert given.headers["Content-Type"] == "application/x-x509-ca-cert"
        authority = given.read()
    text = printed.read_text(encoding="utf-8")
    [fingerprint] = re.findall("(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", text)
    assert fingerprint in html
    link = re.search(r"https://\S+/setup/\S+", text)
    assert link, text

    trusting = ssl.create_default_context(cadata=authority)
    for host in ("127.0.0.1", "localhost", *lan.own_addresses()):
        with urllib.request.urlopen(f"https://{host}:{port}/", context=trusting) as home:
            assert home.status == 200
    with urllib.request.urlopen(f"https://127.0.0.1:{port}/account/login/", context=trusting) as page:
        assert "Secure" in page.headers["Set-Cookie"]
        assert page.headers["Strict-Transport-Security"] is None
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"https://127.0.0.1:{port}/", context=ssl.create_default_context())

    for style in re.findall(r'href="(/static/[^"]+\.css)"', html):
        with urllib.request.urlopen(door + style) as sheet:  # noqa: S310
            assert sheet.headers["Content-Type"].startswith("text/css")
    for elsewhere in ("/worklist/", "/static/../secret-key", "/static/%2e%2e/secret-key", "/account/login/"):
        with urllib.request.urlopen(door + elsewhere) as page:  # noqa: S310
            assert page.url == f"{door}/"
