"""What holds for every test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase

from retineye.accounts.triggers import Guard, install, remove
from retineye.clinic import checks, grade, health
from tests.cast import Clinic, open_clinic
from tests.packs import write_tiny_pack

GUARDS = [
    Guard("accounts_auditevent"),
    Guard("accounts_auditblock"),
    Guard("accounts_auditseal"),
    Guard("clinic_verdict", deletable=True),
    Guard("clinic_storedresult", deletable=True),
    Guard("clinic_correction", deletable=True),
    Guard("clinic_review", deletable=True),
    Guard("clinic_reminder", deletable=True),
    Guard("clinic_referraloutcome", deletable=True),
    Guard("clinic_erasure"),
    Guard("clinic_addendum", deletable=True),
    Guard(
        "clinic_signature",
        deletable=True,
        fixed=("id", "exam_id", "review_id", "signed_by_id", "signed_at", "how"),
        closed_by="withdrawn_at",
    ),
]

DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test that touches the database, so that it runs again on PostgreSQL."""
    for item in items:
        if item.get_closest_marker("django_db") or DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("database")


_teardown = TransactionTestCase._fixture_teardown


def _lift_guards_and_flush(self: TransactionTestCase) -> None:
    # The database refuses to empty the audit, and a test that commits must leave an empty database behind.
    for guard in GUARDS:
        remove(connection, guard)
    try:
        _teardown(self)
    finally:
        for guard in GUARDS:
            install(connection, guard)


TransactionTestCase._fixture_teardown = _lift_guards_and_flush  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def tiny_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a pack that runs and knows nothing."""
    return write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny")


@pytest.fixture(autouse=True)
def own_house(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Iterator[None]:
    """Give each database test a store of its own and the tiny pack, and let go of them afterwards."""
    cache.clear()
    if request.node.get_closest_marker("django_db") or DATABASE_FIXTURES & set(request.fixturenames):
        settings.DATA_DIR = tmp_path
        settings.MEDIA_ROOT = tmp_path / "photographs"
        settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
        settings.RETINEYE_PACK = str(request.getfixturevalue("tiny_pack"))
        settings.RETINEYE_ALLOW_TEST_PACK = True
    grade.close_grader()
    checks.forget()
    health.forget()
    yield
    grade.close_grader()
    checks.forget()
    health.forget()


@pytest.fixture()
def hill(db: None) -> Clinic:
    """Open the clinic that tests are about."""
    return open_clinic("hill")


@pytest.fixture()
def lake(db: None) -> Clinic:
    """Open the other clinic, whose people are strangers to the first."""
    return open_clinic("lake")
