"""What became of each document of the first RetinEye: by its `_id`, never by a name."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from retineye.clinic.models import EarlierRecord
from retineye.exchange.retineye1.rows import Document, Kind


class Why(StrEnum):
    """Why a document was left out."""

    NO_NAME = "it has no name"
    NO_HOSPITAL = "its hospital is not known: name a clinic for such ones with --clinic"
    NO_EMAIL = "no e-mail address: invite this person by hand"
    NO_PATIENT = "its patient is not there"
    SEVERAL_PATIENTS = "several patients share its number, so nobody knows whose it is"
    UNREADABLE = "a field holds what can not be"
    ERASED = "it was brought before, and erased here since"
    EMPTY = "it holds neither a photograph nor a result"


@dataclass(slots=True)
class Report:
    """Counts, and the keys of what needs a person."""

    found: Counter[Kind] = field(default_factory=Counter)
    new: Counter[Kind] = field(default_factory=Counter)
    old: Counter[Kind] = field(default_factory=Counter)
    out: dict[Why, list[str]] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    """How many patients carry a number that should have been one's own."""
    passed_over: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    photographs: int = 0
    thumbnails: int = 0
    results: int = 0

    def brought(self, one: Document) -> None:
        """Count a document that is here now."""
        self.new[one.kind] += 1

    def there(self, one: Document) -> None:
        """Count a document that was here before."""
        self.old[one.kind] += 1

    def left(self, one: Document, why: Why) -> None:
        """Count a document that was left out."""
        self.out.setdefault(why, []).append(_named(one))

    def photograph_missing(self, one: Document) -> None:
        """Count a photograph whose file is not in the folder."""
        self.missing.append(_named(one))

    def photograph_unreadable(self, one: Document) -> None:
        """Count a photograph whose file is no picture."""
        self.unreadable.append(_named(one))

    def kept(self, record: EarlierRecord) -> None:
        """Count what came with a patient."""
        self.results += bool(record.said)
        if record.picture:
            self.thumbnails += record.thumbnail_only
            self.photographs += not record.thumbnail_only

    def lines(self) -> Iterator[str]:
        """Give the report, line by line."""
        yield f"{'':12}{'found':>8}{'new':>8}{'before':>8}"
        for kind in Kind:
            yield f"{kind.value:12}{self.found[kind]:8}{self.new[kind]:8}{self.old[kind]:8}"
        yield f"Photographs: {self.photographs} whole, {self.thumbnails} thumbnails only. Results: {self.results}."
        if self.thumbnails:
            yield "  A thumbnail is too small to be graded: take new photographs of these patients."
        yield from _listed("Photographs that are not in the folder", self.missing)
        yield from _listed("Photographs that can not be read", self.unreadable)
        for number, count in sorted(self.shared.items()):
            yield f"{count} patients share the number {number}: each was taken as a person of its own. Compare them."
        for why, keys in self.out.items():
            yield from _listed(f"Left out, for {why.value}", keys)
        for collection, count in self.passed_over.items():
            yield f"Not read: {collection} ({count} documents). If it matters, say what it holds with --collection."


def _listed(title: str, keys: list[str]) -> Iterator[str]:
    if keys:
        yield f"{title}: {len(keys)}"
        yield from (f"  {key}" for key in keys)


def _named(one: Document) -> str:
    return f"{one.kind.value} {one.key}"
