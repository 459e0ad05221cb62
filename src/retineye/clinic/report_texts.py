"""The words of the reports: a file a language, what a clinic has put differently, and who has read a translation.

A translation that no speaker of the language has reviewed is printed with the English beside it. A review holds for
the very sentences that were read: when one of them changes, the language is unreviewed again.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import Organisation, User
from retineye.accounts.policy import Right, require
from retineye.clinic.models import ClinicText, TextReview

FOLDER = Path(__file__).parent / "data" / "report_texts"
SCHEMA = "retineye.texts/1"
ENGLISH = "en"
MOST_LETTERS = 600
"""The longest sentence that a clinic may put into a report."""

_ISOLATE, _END = "\u2068", "\u2069"
_BLANK = re.compile(r"\{(\w+)\}")


class TextsError(Exception):
    """A file of words that can not be used; the message names it and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Every sentence of the reports in one language."""

    language: str
    name: str
    """The language's own name for itself."""
    direction: str
    """ltr or rtl."""
    reviewed_by: str
    """Who has read the sentences as they stand; empty where nobody has."""
    date_form: str
    months: tuple[str, ...]
    sentences: Mapping[str, str]
    groups: Mapping[str, tuple[str, ...]]
    """The keys in the order of the file: patient, clinician."""
    own: frozenset[str] = frozenset()
    """Keys that the clinic has put differently."""

    def say(self, key: str, **blanks: str) -> str:
        """Give a sentence with its blanks filled in; what is filled in keeps its own direction of writing."""
        first, last = (_ISOLATE, _END) if self.direction == "rtl" else ("", "")
        return _BLANK.sub(lambda blank: f"{first}{blanks.get(blank[1], '')}{last}", self.sentences[key])

    def day(self, when: date) -> str:
        """Write a day out."""
        parts = {"day": str(when.day), "month": self.months[when.month - 1], "year": str(when.year)}
        return _BLANK.sub(lambda blank: parts[blank[1]], self.date_form)

    @property
    def sha256(self) -> str:
        """Give the SHA-256 over every sentence: what a review holds for."""
        content = "\n".join(f"{key}={text}" for key, text in sorted(self.sentences.items()))
        return hashlib.sha256(content.encode("utf-8")).hexdigest()


def blanks_of(text: str) -> frozenset[str]:
    """Give the names of a sentence's blanks."""
    return frozenset(_BLANK.findall(text))


def read_texts(path: Path) -> Texts:
    """Read one file.

    Raises
    ------
    TextsError
        If it is not as it must be.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        if raw.get("schema") != SCHEMA or raw["language"] != path.stem or len(raw["months"]) != 12:
            raise TextsError(f"schema, language or months are not as {SCHEMA} asks")
        groups = {name: tuple(raw[name]) for name in ("patient", "clinician")}
        sentences = {key: raw[name][key] for name, keys in groups.items() for key in keys}
        empty = [key for key, text in sentences.items() if not isinstance(text, str) or not text.strip()]
        if empty or raw["direction"] not in ("ltr", "rtl"):
            raise TextsError(f"nothing is said for {', '.join(empty) or 'the direction'}")
        return Texts(
            language=raw["language"],
            name=raw["name"],
            direction=raw["direction"],
            reviewed_by=raw["reviewed_by"],
            date_form=raw["date"],
            months=tuple(raw["months"]),
            sentences=MappingProxyType(sentences),
            groups=MappingProxyType(groups),
        )
    except (TextsError, KeyError, ValueError, TypeError) as exc:
        raise TextsError(f"The words in {path.name} can not be used: {exc}.") from exc


def _read_all() -> Mapping[str, Texts]:
    read = {texts.language: texts for texts in map(read_texts, sorted(FOLDER.glob("*.toml")))}
    english = read[ENGLISH].sentences
    for texts in read.values():
        for key in english.keys() | texts.sentences.keys():
            if blanks_of(texts.sentences.get(key, "{missing}")) != blanks_of(english.get(key, "{missing}")):
                raise TextsError(f"The words in {texts.language}.toml differ from the English in {key}: key or blanks.")
    return MappingProxyType(read)


TEXTS: Mapping[str, Texts] = _read_all()
"""The words as they come with the product, by language."""


def languages() -> list[tuple[str, str]]:
    """Give the languages of the reports, English first: code and own name."""
    return sorted(((code, texts.name) for code, texts in TEXTS.items()), key=lambda one: (one[0] != ENGLISH, one[0]))


def texts_of(organisation: Organisation, language: str) -> Texts:
    """Give the words that the clinic prints in a language, with its own where it has put something differently."""
    texts = TEXTS[language]
    rows = ClinicText.objects.filter(organisation=organisation, language=language)
    changed = {row.key: row.text for row in rows if row.key in texts.sentences}
    if changed:
        sentences = MappingProxyType({**texts.sentences, **changed})
        # English is the text that the others follow: in the clinic's own words it is still the clinic's English.
        reviewed = texts.reviewed_by if language == ENGLISH else ""
        texts = replace(texts, sentences=sentences, own=frozenset(changed), reviewed_by=reviewed)
    review = TextReview.objects.filter(organisation=organisation, language=language).order_by("-at").first()
    if review is not None and review.texts_sha256 == texts.sha256:
        texts = replace(texts, reviewed_by=review.reviewed_by)
    return texts


def put_differently(user: User, language: str, key: str, text: str) -> None:
    """Say a sentence of the reports in the clinic's own words; an empty text takes the product's again.

    Raises
    ------
    django.core.exceptions.ValidationError
        If the sentence lost or gained a blank, or is too long for the paper.
    """
    require(user, Right.EDIT_REPORT_TEXTS)
    text = " ".join(text.split())
    original = TEXTS[language].sentences[key]
    if len(text) > MOST_LETTERS:
        raise ValidationError(_("This is too long for the paper: %(n)d letters at most.") % {"n": MOST_LETTERS})
    if text and blanks_of(text) != blanks_of(original):
        wanted = ", ".join(f"{{{name}}}" for name in sorted(blanks_of(original))) or _("none")
        raise ValidationError(_("Keep the words in braces as they are: %(blanks)s.") % {"blanks": wanted})
    organisation = user.membership.organisation
    with transaction.atomic():
        mine = ClinicText.objects.filter(organisation=organisation, language=language, key=key)
        if not text or text == original:
            mine.delete()
        else:
            ClinicText.objects.update_or_create(
                organisation=organisation,
                language=language,
                key=key,
                defaults={"text": text, "edited_by": user, "edited_at": timezone.now()},
            )
        _remember(audit.Action.REPORT_TEXT_CHANGED, user, language, key=key)


def record_review(user: User, language: str, reviewed_by: str) -> None:
    """Record that a person who speaks the language has read every sentence as it stands now.

    Raises
    ------
    django.core.exceptions.ValidationError
        If nobody is named.
    """
    require(user, Right.EDIT_REPORT_TEXTS)
    name = " ".join(reviewed_by.split())[:200]
    if not name:
        raise ValidationError(_("Name the person who has read the sentences."))
    organisation = user.membership.organisation
    with transaction.atomic():
        TextReview.objects.create(
            organisation=organisation,
            language=language,
            reviewed_by=name,
            texts_sha256=texts_of(organisation, language).sha256,
            recorded_by=user,
        )
        _remember(audit.Action.REPORT_TEXTS_REVIEWED, user, language)


def _remember(action: audit.Action, user: User, language: str, **detail: str) -> None:
    audit.record(
        action,
        actor=user,
        organisation=user.membership.organisation_id,
        object_type="report_text",
        detail={"language": language, **detail},
    )
