"""The house is checked at start-up, and the pack for as long as the service runs."""

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks

from retineye.clinic import checks
from retineye.clinic.checks import pack_status
from tests.packs import tiny_card, write_tiny_pack

pytestmark = pytest.mark.django_db


def codes() -> set[str]:
    return {message.id for message in run_checks() if message.id and message.id.startswith("retineye.")}


def test_a_good_house_has_nothing_to_say(settings: Any) -> None:
    assert codes() <= {"retineye.W002"}
    assert pack_status().ok
    assert pack_status().pack_id == "tiny-test"


def test_a_missing_pack_is_a_warning_with_a_sentence_and_not_the_end(settings: Any, tmp_path: Path) -> None:
    settings.RETINEYE_PACK = str(tmp_path / "nowhere")
    assert "retineye.W001" in codes()
    status = pack_status(fresh=True)
    assert not status.ok
    assert "Photographs are kept and wait" in status.message


def test_a_pack_for_tests_is_not_for_patients(settings: Any) -> None:
    settings.RETINEYE_ALLOW_TEST_PACK = False
    assert pack_status(fresh=True).message.startswith("The model pack is for tests only")


def test_a_pack_that_is_altered_while_the_service_runs_is_seen_within_seconds(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RETINEYE_PACK = str(write_tiny_pack(tmp_path / "pack"))
    assert pack_status(fresh=True).ok
    (tmp_path / "pack" / "model.onnx").write_bytes(b"altered")
    assert pack_status().ok, "an answer holds for a moment, so that pages stay quick"
    monkeypatch.setattr(checks, "_FRESH_S", 0.0)
    assert not pack_status().ok


def test_a_pack_evaluated_with_other_libraries_is_warned_of(settings: Any, tmp_path: Path) -> None:
    versions = {**tiny_card()["versions"], "numpy": "1.0.0"}
    settings.RETINEYE_PACK = str(write_tiny_pack(tmp_path / "pack", versions=versions))
    assert "retineye.W002" in codes()


def test_a_store_that_can_not_be_written_is_an_error(settings: Any) -> None:
    settings.MEDIA_ROOT = Path("/dev/null/photographs")
    assert "retineye.E001" in codes()


def test_a_secret_that_others_can_read_is_warned_of(settings: Any, tmp_path: Path) -> None:
    settings.OWN_SECRET_FILE = tmp_path / "secret-key"
    settings.OWN_SECRET_FILE.write_text("x" * 50, encoding="ascii")
    settings.OWN_SECRET_FILE.chmod(0o644)
    assert "retineye.W003" in codes()
    settings.OWN_SECRET_FILE.chmod(0o600)
    assert "retineye.W003" not in codes()
