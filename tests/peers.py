"""The real programs that tests lean on, and what happens where one is missing."""

import os
import shutil
from typing import NoReturn

import pytest

# As root, without a sandbox, a screen or a word to the outside.
CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it where everything has to be there (CI=true)."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


def chromium() -> str:
    """Give the path of Chromium."""
    for name in ("chromium", "chromium-browser"):
        if path := shutil.which(name):
            return path
    missing("Chromium")


def dcmtk(tool: str) -> str:
    """Give the path of one of DCMTK's programs."""
    path = shutil.which(tool)
    if path is None:
        missing(f"DCMTK ({tool})")
    return path


def dciodvfy() -> str:
    """Give the path of the program of dicom3tools that holds a DICOM object against the standard."""
    path = shutil.which("dciodvfy")
    if path is None:
        missing("dicom3tools (dciodvfy)")
    return path


def orthanc() -> str:
    """Give the path of Orthanc, a DICOM archive."""
    path = shutil.which("Orthanc")
    if path is None:
        missing("Orthanc")
    return path
