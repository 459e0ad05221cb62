"""Nothing that was answered with success is lost, and nothing is doubled, whenever the listener dies."""

import random
from pathlib import Path

import pytest

from tests.exchange.killing import draw, send_and_kill
from tests.exchange.listening import house

# A process that starts Django, on a machine that is busy with others.
pytestmark = pytest.mark.timeout(900)


def test_a_listener_that_is_killed_at_random_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Fifty associations; `bench/killed_listener.py` makes a thousand."""
    (tmp_path / "sent").mkdir()
    drawn = draw(tmp_path / "sent", 50)
    with house(tmp_path / "house") as hill:
        hill.start()
        sending = send_and_kill(hill, [path for path, _uid in drawn], kills=3, rng=random.Random())
        assert sending.answered == 50
        assert sorted(line.split()[2] for line in hill.arrivals()) == sorted(uid for _path, uid in drawn)
        hill.until(lambda: all(line.startswith("filed ") for line in hill.arrivals()), "all are filed")
        assert hill.rows("select count(*), count(distinct sha256) from clinic_photograph") == [(50, 50)]
        # What broke off in the middle lies nowhere: each start empties the folder of what is on its way.
        hill.until(lambda: not list((hill.folder / "incoming").glob(f"dicom-{hill.port}/*")), "nothing is on its way")
