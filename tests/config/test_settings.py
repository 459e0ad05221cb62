"""Settings come from the environment; a bad one stops the start with a sentence."""

import os
import runpy
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from retineye.config import environment

SETTINGS = Path(environment.__file__).with_name("settings.py")


@pytest.fixture()
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Give a function that reads the settings with these variables and no others."""
    for name in list(os.environ):
        if name.startswith("RETINEYE_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    monkeypatch.setenv("RETINEYE_DATA_DIR", str(tmp_path / "data"))

    def run(**variables: str) -> dict[str, Any]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(SETTINGS))

    return run


def test_without_any_variable_the_service_runs_on_this_machine_alone(load: Any, tmp_path: Path) -> None:
    settings = load()
    assert settings["DEBUG"] is False
    assert settings["ALLOWED_HOSTS"] == ["127.0.0.1", "localhost", "[::1]"]
    database = settings["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(tmp_path / "data" / "retineye.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert database["OPTIONS"]["timeout"] == 20
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_the_secret_key_is_made_once_for_its_owner_alone(load: Any, tmp_path: Path) -> None:
    first, second = load(), load()
    path = tmp_path / "data" / "secret-key"
    assert first["SECRET_KEY"] == second["SECRET_KEY"] == path.read_text(encoding="ascii")
    assert len(first["SECRET_KEY"]) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(one.name for one in path.parent.iterdir()) == ["incoming", "secret-key", "static"]


def test_processes_that_start_together_get_the_same_secret(load: Any, tmp_path: Path) -> None:
    path, keys = tmp_path / "secret-key", []
    meet = threading.Barrier(6)

    def read() -> None:
        meet.wait()
        keys.append(environment.secret("RETINEYE_SECRET_KEY", path))

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 6
    assert len(set(keys)) == 1


def test_a_secret_may_be_given_as_text_or_as_a_file(load: Any, tmp_path: Path) -> None:
    assert load(RETINEYE_SECRET_KEY="x" * 40)["SECRET_KEY"] == "x" * 40
    (tmp_path / "key").write_text("y" * 40 + "\n", encoding="ascii")
    os.environ["RETINEYE_SECRET_KEY"] = ""
    assert load(RETINEYE_SECRET_KEY_FILE=str(tmp_path / "key"))["SECRET_KEY"] == "y" * 40
    assert not (tmp_path / "data" / "secret-key").exists()


BAD = [
    ("RETINEYE_DEBUG", "perhaps", "must be true or false"),
    ("RETINEYE_HTTPS", "2", "must be true or false"),
    ("RETINEYE_MAX_UPLOAD_MB", "many", "must be a whole number"),
    ("RETINEYE_MAX_UPLOAD_MB", "0", "between 1 and 4096"),
    ("RETINEYE_MAX_PIXELS", "-5", "between"),
    ("RETINEYE_THREADS", "0", "between"),
    ("RETINEYE_LEASE_S", "1.5", "must be a whole number"),
    ("RETINEYE_PROXIES", "99", "between"),
    ("RETINEYE_IDLE_LOGOUT_MIN", "0", "between"),
    ("RETINEYE_SIGN_IN_TRIES", "0", "between"),
    ("RETINEYE_INVITATION_DAYS", "400", "between"),
    ("RETINEYE_LOG_LEVEL", "LOUD", "must be one of"),
    ("RETINEYE_TIME_ZONE", "Mars/Olympus", "must be a zone"),
    ("RETINEYE_SECRET_KEY", "short", "at least 40 characters"),
    ("RETINEYE_SECRET_KEY_FILE", "/nowhere/key", "can not be read"),
    ("DATABASE_URL", "mysql://root:hunter2@db/eyes", "must look like"),
    ("DATABASE_URL", "not an address", "must look like"),
    ("RETINEYE_DATA_DIR", "/dev/null/data", "can not be made"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), BAD)
def test_a_bad_setting_stops_the_start_with_a_sentence(load: Any, name: str, value: str, sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=sentence) as stopped:
        load(**{name: value})
    text = str(stopped.value)
    assert name in text or name == "RETINEYE_DATA_DIR"
    assert text.endswith(".")
    assert "hunter2" not in text


def test_the_command_says_the_sentence_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "retineye.cli", "manage", "check"],
        env={
            **os.environ,
            "RETINEYE_DATA_DIR": str(tmp_path),
            "RETINEYE_LEASE_S": "soon",
            "DJANGO_SETTINGS_MODULE": "retineye.config.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.strip() == "RetinEye does not start: RETINEYE_LEASE_S must be a whole number; it is 'soon'."


def test_over_https_cookies_are_secure_and_browsers_stay_there(load: Any) -> None:
    plain, safe = load(), load(RETINEYE_HTTPS="yes", RETINEYE_PROXIES="1")
    for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT"):
        assert (plain[name], safe[name]) == (False, True)
    assert (plain["SECURE_HSTS_SECONDS"], safe["SECURE_HSTS_SECONDS"]) == (0, 31_536_000)
    assert "SECURE_PROXY_SSL_HEADER" in safe
    assert "SECURE_PROXY_SSL_HEADER" not in plain


def test_debug_and_https_do_not_go_together(load: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="RETINEYE_DEBUG"):
        load(RETINEYE_HTTPS="true", RETINEYE_DEBUG="true")


def test_scripts_and_styles_come_from_here_alone(load: Any) -> None:
    directives = load()["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]
    assert directives["default-src"] == ["'none'"]
    assert directives["script-src"] == directives["style-src"] == ["'self'"]
    allowed = {source for sources in directives.values() for source in sources}
    assert allowed <= {"'self'", "'none'", "blob:", "data:"}


def test_a_pack_for_tests_is_accepted_by_developers_alone(load: Any) -> None:
    assert load()["RETINEYE_ALLOW_TEST_PACK"] is False
    assert load(RETINEYE_DEBUG="1")["RETINEYE_ALLOW_TEST_PACK"] is True


def test_postgresql_is_taken_from_its_address(load: Any) -> None:
    database = load(DATABASE_URL="postgres://eyes:secret@db.example:5433/retina")["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["NAME"], database["HOST"], database["PORT"]) == ("retina", "db.example", 5433)


def test_a_mail_server_is_read_from_one_address(load: Any) -> None:
    settings = load(
        RETINEYE_MAIL_URL="smtp+tls://eyes:hunter2@mail.hill.example:587", RETINEYE_MAIL_FROM="eyes@hill.example"
    )
    assert (settings["EMAIL_HOST"], settings["EMAIL_PORT"], settings["EMAIL_USE_TLS"]) == (
        "mail.hill.example",
        587,
        True,
    )
    assert settings["RETINEYE_MAIL_FROM"] == settings["DEFAULT_FROM_EMAIL"] == "eyes@hill.example"
    assert "smtp" in settings["EMAIL_BACKEND"]


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"RETINEYE_MAIL_URL": "smtp://mail.hill.example"}, "RETINEYE_MAIL_FROM"),
        ({"RETINEYE_MAIL_FROM": "eyes@hill.example"}, "no mail server"),
        ({"RETINEYE_MAIL_URL": "mail.hill.example", "RETINEYE_MAIL_FROM": "eyes@hill.example"}, "smtp"),
    ],
)
def test_half_a_mail_server_stops_the_start(load: Any, variables: dict[str, str], told: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=told):
        load(**variables)
