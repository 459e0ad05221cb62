"""No credential lies in the tree, and none ever did."""

import re

import pytest

from tests.house.repository import TEXT, files, git, text

# Written so that no pattern matches itself.
CREDENTIALS = {
    "private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "database address with a password": r"(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|amqps?|rediss?)://[\w.-]+:[^@\s\"'{}<>]+@",
    "cloud key": r"\bAKIA[0-9A-Z]{16}\b",
    "hosting token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[\w-]{20}|xox[baprs]-[\w-]{10,})\b",
    "secret in a setting": r"(?i)\b(?:secret_key|api_key|password|passwd)\s*=\s*[\"'][^\"'\s]{24,}[\"']",
}

# Words in place of a password, in messages and in the docs.
EXAMPLES = re.compile(r"://\w+:(?:password|secret|hunter2)@")


def found_in(lines: list[str], pattern: str) -> list[str]:
    """Give the lines that match, without the password itself."""
    return [line[:60] for line in lines if re.search(pattern, line) and not EXAMPLES.search(line)]


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_no_credential_lies_in_the_tree(kind: str) -> None:
    for path in files():
        if path.suffix in TEXT:
            assert found_in(text(path).splitlines(), CREDENTIALS[kind]) == [], path


# One line of a test once held these words in place of a password; no such server ever was.
ONCE = "someone:secret-word@127.0.0.1:9/"


def test_no_credential_was_ever_committed() -> None:
    history = git("log", "--patch", "--unified=0", "--no-color", "HEAD")
    added = [line for line in history.splitlines() if line.startswith("+") and ONCE not in line]
    for kind, pattern in CREDENTIALS.items():
        assert found_in(added, pattern) == [], kind


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("private key", "-----BEGIN RSA " + "PRIVATE KEY-----"),
        ("database address with a password", "mongodb+srv" + "://clinic:Xy12@cluster.example/db"),
        ("cloud key", "AKIA" + "A1B2C3D4E5F6G7H8"),
        ("hosting token", "ghp_" + "a" * 36),
        ("secret in a setting", 'SECRET_KEY = "' + "k" * 50 + '"'),
    ],
)
def test_the_guard_sees_each_kind_of_credential(kind: str, line: str) -> None:
    assert found_in([line], CREDENTIALS[kind])
