"""Everything that runs with RetinEye may be given on under a free licence that asks for nothing back."""

import re
from importlib import metadata
from typing import Any

import pytest
from packaging.requirements import Requirement

RUN_TIME_EXTRAS = ("web", "dicom", "celery", "s3", "mongo", "client", "evaluate")

# Weak copyleft, used unmodified and as separate packages.
ALLOWED_WEAK = {"certifi", "psycopg", "psycopg-binary", "psycopg-pool", "pyphen"}  # pyphen: by choice under MPL-1.1

# Packages that offer several licences or write theirs in a form of their own; the free choice, read in the package.
READ_BY_HAND = {
    "fido2": "BSD-2-Clause",  # parts under Apache-2.0, the public suffix list under MPL-2.0
    "qrcode": "BSD-3-Clause",  # the other one named is the trade mark notice for "QR Code"
    "scipy": "BSD-3-Clause",  # its licence file also tells of GCC's run-time library, which has the run-time exception
}

FREE = re.compile(r"\b(MIT|BSD|ISC|Apache|PSF-2\.0|Python Software Foundation|Zlib|HPND)\b")
FORBIDDEN = re.compile(r"\b(A?GPL|General Public License|Affero|SSPL|BUSL|Proprietary)\b", re.IGNORECASE)
WEAK = re.compile(r"\bLGPL|Lesser General Public|\bMPL|Mozilla Public", re.IGNORECASE)


def run_time_distributions() -> set[str]:
    """Walk what the service and the evaluation need, from the package's own requirements."""
    found: set[str] = set()
    waiting = [("retineye", frozenset(RUN_TIME_EXTRAS))]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for line in metadata.distribution(name).requires or []:
            needed = Requirement(line)
            wanted = [{"extra": extra} for extra in ("", *extras)]
            if needed.marker is None or any(needed.marker.evaluate(env) for env in wanted):
                found.add(needed.name.lower().replace("_", "-"))
                waiting.append((needed.name, frozenset(needed.extras)))
    return found - {"retineye"}


def licence_of(name: str) -> str:
    """Give the licence as the package states it: expression, classifiers, or the first line of the old field."""
    if name in READ_BY_HAND:
        return READ_BY_HAND[name]
    told: Any = metadata.metadata(name)
    classifiers = [line for line in told.get_all("Classifier") or [] if line.startswith("License ::")]
    return told.get("License-Expression") or "; ".join(classifiers) or (told.get("License") or "").split("\n")[0]


def verdict(name: str, licence: str) -> str | None:
    """Say what is wrong with a package's licence, or nothing."""
    if WEAK.search(licence):
        return None if name in ALLOWED_WEAK else f"{name}: {licence} is not on the list of weak copyleft"
    if FORBIDDEN.search(licence):
        return f"{name}: {licence} is forbidden"
    return None if FREE.search(licence) else f"{name}: unknown licence {licence!r}"


def test_every_package_at_run_time_has_a_free_licence() -> None:
    names = run_time_distributions()
    assert {"django", "numpy", "onnxruntime", "psycopg-binary"} <= names
    assert [wrong for name in sorted(names) if (wrong := verdict(name, licence_of(name)))] == []


@pytest.mark.parametrize(
    "licence",
    ["GPL-3.0-only", "AGPL-3.0", "GNU General Public License v3 (GPLv3)", "LGPL-3.0-only", "MPL-2.0", "Other", ""],
)
def test_the_guard_stops_a_package_under_another_licence(licence: str) -> None:
    assert verdict("something", licence)
