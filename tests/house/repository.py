"""The files of the repository, as git sees them."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TEXT = frozenset(
    {".cfg", ".css", ".csv", ".html", ".ini", ".js", ".json", ".lock", ".md", ".po", ".py", ".svg", ".toml", ".txt", ""}
)


@cache
def files() -> tuple[Path, ...]:
    """List the files that are in the repository, or would be at the next commit, relative to its root."""
    listed = git("ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    return tuple(sorted(Path(name) for name in listed if name and (ROOT / name).is_file()))


def git(*arguments: str) -> str:
    """Run git in the repository and give what it prints."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True)
    return done.stdout.decode("utf-8", errors="replace")


def below(folder: str, *suffixes: str) -> list[Path]:
    """List the repository's files in a folder that end in one of the suffixes (all of them when none is named)."""
    return [path for path in files() if path.is_relative_to(folder) and (not suffixes or path.suffix in suffixes)]


def text(path: Path) -> str:
    """Read one of the repository's text files."""
    return (ROOT / path).read_text(encoding="utf-8")
