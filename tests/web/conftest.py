"""What the tests of the pages share."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def static_folder(settings: Any) -> None:
    """Have the folder of collected files there, as `serve` makes it."""
    Path(settings.STATIC_ROOT).mkdir(exist_ok=True)
