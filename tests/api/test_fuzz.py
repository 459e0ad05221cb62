"""Schemathesis finds nothing in a minute; bench/fuzz_api.py gives it ten."""

from typing import Any

import pytest

from retineye.accounts.models import ApiToken
from tests.api.conftest import token_for
from tests.api.fuzz import fuzz
from tests.cast import add_exam, open_clinic, picture, send

SECONDS = 60


@pytest.mark.timeout(1200)
@pytest.mark.fuzz
def test_schemathesis_finds_nothing_in_a_minute(live_server: Any, settings: Any) -> None:
    settings.RETINEYE_API_RATE = 1_000_000
    settings.RETINEYE_API_WAIT_S = 0
    hill = open_clinic("hill")
    send(hill, add_exam(hill), picture())
    token = token_for(hill.administrator)
    found = fuzz(live_server.url, token, SECONDS)
    assert found.returncode == 0, found.stdout[-20_000:]
    assert ApiToken.objects.filter(last_used_at__isnull=False).exists()
