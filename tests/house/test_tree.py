"""What may lie in the repository, and how large it may grow."""

import ast
import re
from pathlib import Path

import pytest

from tests.house.repository import ROOT, TEXT, below, files, text

MOST_LINES = 499
PHOTOGRAPHS = frozenset({".bmp", ".dcm", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
VENDOR = "src/retineye/web/static/vendor"
BANNED_NAMES = frozenset({"common", "core", "helpers", "managers", "misc", "services", "utils"})


def test_no_file_of_code_is_longer_than_500_lines() -> None:
    code = [*below("src", ".py", ".js", ".css", ".html"), *below("tests", ".py"), *below("bench", ".py")]
    long = [
        f"{path}: {lines} lines"
        for path in code
        if not path.is_relative_to(VENDOR) and "migrations" not in path.parts
        if (lines := text(path).count("\n")) > MOST_LINES
    ]
    assert long == []


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    assert [str(path) for path in below("src", ".py") if BANNED_NAMES & {path.stem, *path.parts}] == []


def test_pictures_lie_only_where_their_licence_is_told() -> None:
    pictures = [path for path in files() if path.suffix.lower() in PHOTOGRAPHS and not path.is_relative_to(VENDOR)]
    homes = {path.parent for path in pictures}
    assert homes <= {Path("tests/idrid"), Path("docs/images"), Path("docs/model-card")}
    for home in homes:
        assert "CC BY 4.0" in text(home / "LICENCE.md")
    told = text(Path("docs/images/LICENCE.md")) if Path("docs/images") in homes else ""
    assert [path.name for path in pictures if path.parent == Path("docs/images") and path.name not in told] == []


def test_every_vendored_library_brings_its_version_and_licence() -> None:
    libraries = {path.relative_to(VENDOR).parts[0] for path in below(VENDOR) if len(path.relative_to(VENDOR).parts) > 1}
    versions = text(Path(VENDOR) / "VERSIONS.txt") if libraries else ""
    for library in sorted(libraries):
        assert library.lower() in versions.lower()
        assert [path for path in below(f"{VENDOR}/{library}") if path.stem.upper().startswith(("LICENSE", "LICENCE"))]


def test_the_shipped_files_stay_small() -> None:
    assert [str(path) for path in files() if (ROOT / path).stat().st_size > 25 * 1024 * 1024] == []


def test_the_locks_name_versions_and_hashes_and_no_address() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock", "requirements-train.lock"):
        lines = text(Path(lock)).splitlines()
        assert [line for line in lines if "://" in line or line.startswith("-")] == []
        assert sum("==" in line for line in lines) <= sum("--hash=sha256:" in line for line in lines)


def face_order(name: str) -> tuple[int, str]:
    """Sort constants first, then classes, then functions, as the linter does."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("path", below("src", ".py"), ids=str)
def test_what_a_package_hands_on_is_sorted_and_there(path: Path) -> None:
    tree = ast.parse(text(path))
    faces = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__all__" for to in node.targets)
    ]
    for face in faces:
        names = ast.literal_eval(face)
        assert names == sorted(set(names), key=face_order)
        assert [name for name in names if name not in bound_names(tree)] == []


def bound_names(tree: ast.Module) -> set[str]:
    """Collect the names that a module imports or defines at its top."""
    names = {"__version__"}
    for node in tree.body:
        match node:
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return names


@pytest.mark.parametrize("package", ["accounts", "clinic", "config", "exchange", "grading", "training", "web"])
def test_a_package_has_a_face_of_its_own_words_only(package: str) -> None:
    face = Path(f"src/retineye/{package}/__init__.py")
    if face in files():
        assert ast.get_docstring(ast.parse(text(face)))


SPEECH = [
    (r"(?i)lorem ipsum|foo@bar|john\.?doe|\basdf\b", "placeholder text"),
    (r"\b(TODO|FIXME|XXX|HACK)\b", "work left lying"),
    (r"NotImplementedError|(?i:coming soon|not yet implemented)", "a promise instead of a thing"),
    (r"(?<![\w.~])/(?:root|home/\w+|Users/\w+|work)/", "a path of somebody's machine"),
    (r"(?i)\bFDA[- ](?:cleared|approved)|CE[- ]marked|clinically (?:proven|validated)", "a clearance it has not"),
    (r"(?i)\bDME (?:is )?(?:present|excluded)\b", "a flat photograph shows no thickness: only 'suspected'"),
    (r"\b(?:105914-6|722161008|71491-3|312907002|399876000)\b", "a code that claims too much or does not exist"),
    (r"\b(?:1551000119108|1501000119109|97331000119101)\b", "a code that also states the type of diabetes"),
]


@pytest.mark.parametrize(("pattern", "why"), SPEECH, ids=[why for _, why in SPEECH])
def test_words_that_must_not_appear_in_the_product_do_not(pattern: str, why: str) -> None:
    product = [*below("src"), *below("docs"), *below("script"), *below("bench"), Path("README.md")]
    spoken = [
        f"{path}:{number}: {why}"
        for path in product
        if path.suffix in TEXT and not path.is_relative_to(VENDOR)
        for number, line in enumerate(text(path).splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert spoken == []
