"""Static files are collected when they have changed, and a start does not pay for them otherwise."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders

from retineye.config import static


@pytest.fixture()
def source(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Give the one folder that static files come from in this test."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "page.css").write_text("a { color: red }", encoding="utf-8")
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    finders.get_finder.cache_clear()
    yield folder
    finders.get_finder.cache_clear()


def test_files_are_collected_once_and_again_when_one_has_changed(source: Path, settings: Any) -> None:
    assert static.collect()
    assert not static.collect()
    os.utime(source / "page.css", (1_900_000_000, 1_900_000_000))
    assert static.collect()
    (source / "new.css").write_text("b { color: blue }", encoding="utf-8")
    assert static.collect()
    assert not static.collect()
    assert {path.name for path in settings.STATIC_ROOT.iterdir()} >= {"page.css", "new.css"}


def test_a_start_that_broke_off_collects_again(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(static, "call_command", break_off)
        static.collect()
    assert static.collect()
