"""The page about roles says what the code does."""

from pathlib import Path

from retineye.accounts.policy import Right
from retineye.accounts.roles_table import markdown, sentences

PAGE = Path(__file__).parents[2] / "docs" / "roles.md"


def test_the_table_in_the_docs_is_the_one_that_the_code_writes() -> None:
    assert markdown() in PAGE.read_text(encoding="utf-8"), "retineye manage roles_table prints the new one"


def test_each_right_has_a_sentence() -> None:
    assert set(sentences()) == set(Right)
    assert all(sentence.endswith(".") for sentence in sentences().values())
