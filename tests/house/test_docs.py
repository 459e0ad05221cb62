"""The docs tell of everything that can be typed, and what they tell to type works (settings: tests/config)."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.house.repository import ROOT, below, files, text

PAGES = [Path("README.md"), *below("docs", ".md")]
ALL_PAGES = "\n".join(text(page) for page in PAGES)


def commands() -> Iterator[tuple[str, Any]]:
    """Walk the commands of `retineye`, with the words that call them."""
    from retineye.cli import app

    waiting = [("retineye", typer.main.get_command(app))]
    while waiting:
        words, command = waiting.pop()
        yield words, command
        for name, below_it in sorted(getattr(command, "commands", {}).items()):
            waiting.append((f"{words} {name}", below_it))


def test_every_command_and_option_is_in_the_docs() -> None:
    for words, command in commands():
        assert re.search(rf"\b{re.escape(words)}\b", ALL_PAGES), words
        for parameter in command.params:
            if parameter.param_type_name == "option":
                for option in [name for name in parameter.opts if name not in ("--help", "--show-completion")]:
                    if not option.endswith("-completion"):
                        assert f"`{option}" in ALL_PAGES, f"{words} {option}"


def settings() -> set[str]:
    """Collect the names of environment variables that the code reads."""
    named = re.compile(r"[\"'](RETINEYE_[A-Z0-9_]+|DATABASE_URL)[\"']")
    return {name for path in below("src/retineye", ".py") for name in named.findall(text(path))}


def test_the_docs_tell_of_no_setting_that_is_not_there() -> None:
    told = set(re.findall(r"\bRETINEYE_[A-Z0-9_]+\b", ALL_PAGES))
    there = settings() | {f"{name}_FILE" for name in settings()}
    assert sorted(told - there) == []


def test_every_reason_for_a_retake_is_in_the_docs() -> None:
    from retineye.grading.result import REASONS

    for reason, (label, _) in REASONS.items():
        assert f"`{reason.value}`" in text(Path("docs/grade.md"))
        assert f"| {label} |" in text(Path("docs/clinicians.md"))


def test_every_key_of_a_training_config_is_in_the_docs() -> None:
    from retineye.training.config import TrainingConfig

    keys = {each.name for each in dataclasses.fields(TrainingConfig)} - {"sha256"}
    assert [key for key in sorted(keys) if f"`{key}`" not in text(Path("docs/training.md"))] == []


def blocks(page: Path) -> Iterator[str]:
    """Give the lines to type of a page's shell blocks."""
    for block in re.findall(r"```(?:bash|sh|console)\n(.*?)```", text(page), re.DOTALL):
        joined = block.replace("\\\n", " ")
        for line in joined.splitlines():
            if line := line.partition("#")[0].strip():
                yield line


KNOWN = {"git", "cd", "sudo", "curl", "docker", "systemctl", "cp", "export", "pg_dump", "tar"}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_what_a_page_says_to_type_is_there(page: Path) -> None:
    spoken = {words for words, _ in commands()}
    for line in blocks(page):
        first, *rest = [word for word in line.split() if "=" not in word or not word[:1].isupper()]
        if first.startswith(("script/", ".ci/")):
            assert (ROOT / first).stat().st_mode & 0o100, line
        elif first in ("retineye", ".venv/bin/retineye"):
            assert f"retineye {rest[0]}" in spoken, line
        elif first in ("python", ".venv/bin/python"):
            assert rest[0].startswith("-") or (ROOT / rest[0]).exists(), line
        else:
            assert first in KNOWN, line


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text(page))
    assert [target for target in targets if not (ROOT / page.parent / target).exists()] == []


def test_every_page_is_reached_from_the_index() -> None:
    told = text(Path("docs/index.md")) + text(Path("docs/decisions/README.md"))
    pages = [path for path in below("docs", ".md") if path.name not in ("index.md", "LICENCE.md")]
    assert [str(path) for path in pages if f"({path.name})" not in told and f"/{path.name})" not in told] == []


def test_the_readme_names_the_two_commands_first() -> None:
    first = next(blocks(Path("README.md")))
    assert first.startswith("script/serve")
    assert Path("LICENSE") in files()
