"""No page says a word that its language does not know: no template speaks by itself, and no catalogue lacks a word."""

import re
from html.parser import HTMLParser
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings
from django.template.base import Lexer, TokenType

from retineye.accounts.audit import Action
from retineye.clinic.failures import FAILURES
from retineye.clinic.words import grade_name, reason_advice, reason_name
from retineye.grading.errors import DecodeError
from retineye.grading.result import Grade, Reason
from retineye.web.audited import ACTIONS

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "src/retineye/web/templates"
SPOKEN = {"alt", "title", "placeholder", "aria-label", "data-label", "label", "data-keys", "data-drawn", "data-copied"}
NAMES = {"RetinEye", "iPhone, iPad", "Android", "Windows", "macOS", "HbA1c", "TLS"}
WORD = re.compile(r"[A-Za-z]{2,}")
BLANK = re.compile(r"%\(\w+\)[sd]|%n\b|%t\b|\{\w+\}|</?\w+>")
VAR = "\x01"


def _tool() -> ModuleType:
    loader = SourceFileLoader("translations", str(ROOT / "script/translations"))
    spec = spec_from_loader("translations", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


TOOL = _tool()


class _Words(HTMLParser):
    """Collects what people read of a template from which the tags of Django are gone."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append("code" if "code" in (dict(attrs).get("class") or "").split() else tag)
        self.found += [value for key, value in attrs if key in SPOKEN and value and WORD.search(value)]

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() not in (tag, "code"):
            pass

    def handle_data(self, data: str) -> None:
        # A command line is the same in every language.
        if "code" in self._inside or "pre" in self._inside:
            return
        self.found += [part.strip(" ·") for part in data.split(VAR) if WORD.search(part)]


def untranslated(source: str) -> list[str]:
    """Give the words of a template that stand outside the tags of translation."""
    bare, closes = [], ""
    for token in Lexer(source).tokenize():
        if token.token_type == TokenType.TEXT:
            bare.append("" if closes else token.contents)
            continue
        name = token.contents.split()[0] if token.token_type == TokenType.BLOCK else ""
        if closes:
            closes = "" if name == closes else closes
        elif name in ("blocktranslate", "comment"):
            closes = "end" + name
        elif token.contents == "block page_class":
            closes = "endblock"
        bare.append(VAR)
    parser = _Words()
    parser.feed("".join(bare))
    return [words for words in (one.strip() for one in parser.found) if words not in NAMES]


def test_the_check_of_templates_finds_what_is_left_in_english() -> None:
    assert untranslated('<p>{% translate "Hello" %} there</p>') == ["there"]
    assert untranslated('<a title="Go on">{{ name }}</a>') == ["Go on"]
    assert untranslated("{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}") == []


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_template_says_a_word_outside_the_tags_of_translation(path: Path) -> None:
    assert untranslated(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "src/retineye/web/static/web").glob("*.js")), ids=lambda path: path.name
)
def test_no_script_holds_a_sentence_of_its_own(path: Path) -> None:
    code = re.sub(r"(?m)^\s*//.*$", "", path.read_text(encoding="utf-8"))
    assert re.findall(r"[\"'`][A-Z][a-z]+ [a-z]+[^\"'`]*[\"'`]", code) == []


def test_the_languages_of_the_pages_are_those_of_the_catalogues() -> None:
    assert {code for code, _ in settings.LANGUAGES} == {"en", *TOOL.LANGUAGES}


@pytest.mark.parametrize("language", TOOL.LANGUAGES)
def test_a_catalogue_lacks_no_sentence_and_holds_none_too_many(language: str) -> None:
    catalog = TOOL.read(language)
    assert TOOL.lacking(catalog) == []
    assert not [message.id for message in catalog if message.id and message.fuzzy]
    assert not catalog.obsolete
    wanted = TOOL.file_of(language).read_bytes()
    assert TOOL.written(TOOL.renewed(language)) == wanted, "run script/translations, and translate what is new"


@pytest.mark.parametrize("language", TOOL.LANGUAGES)
def test_what_the_pages_read_is_made_from_the_catalogue_as_it_stands(language: str) -> None:
    assert TOOL.file_of(language, "mo").read_bytes() == TOOL.compiled(language)


@pytest.mark.parametrize("language", TOOL.LANGUAGES)
def test_a_translation_fills_the_same_blanks_in_as_many_plural_forms_as_the_language_has(language: str) -> None:
    catalog = TOOL.read(language)
    wrong = []
    for message in catalog:
        if not message.id:
            continue
        if isinstance(message.id, str):
            if sorted(BLANK.findall(message.id)) != sorted(BLANK.findall(message.string)):
                wrong.append(message.id)
            continue
        assert len(message.string) == catalog.num_plurals, message.id
        known = {blank for text in message.id for blank in BLANK.findall(text)}
        # A form for one or two may do without its number; the last one counts.
        if any(set(BLANK.findall(text)) - known for text in message.string) or known - set(
            BLANK.findall(message.string[-1])
        ):
            wrong.append(message.id[0])
    assert wrong == []


def test_the_pages_and_the_library_call_grades_reasons_and_failures_by_the_same_english_names() -> None:
    assert [grade_name(grade) for grade in Grade] == [grade.label for grade in Grade]
    assert [(reason_name(one), reason_advice(one)) for one in Reason] == [(one.label, one.advice) for one in Reason]

    def below(kind: type[DecodeError]) -> list[type[DecodeError]]:
        return [kind, *(deeper for one in kind.__subclasses__() for deeper in below(one))]

    for kind in below(DecodeError):
        if kind.__module__ == "retineye.grading.errors":
            assert str(FAILURES[kind.code].advice) == kind.advice


def test_every_event_of_the_audit_has_a_name_for_people() -> None:
    assert {action.value for action in Action} - set(ACTIONS) == set()
