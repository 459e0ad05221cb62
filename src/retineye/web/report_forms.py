"""Forms of the reports, of their words, and of the calls that follow."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from retineye.clinic.models import CallBack, CallBackTry, Report
from retineye.clinic.report_texts import MOST_LETTERS, Texts, languages


class ReportForm(forms.Form):
    """Which report, in which language."""

    kind = forms.ChoiceField(choices=Report.Kind.choices)
    language = forms.ChoiceField(choices=languages)


class TryForm(forms.Form):
    """What came of one attempt to reach the patient."""

    how = forms.ChoiceField(label=_("What came of it?"), choices=CallBackTry.How.choices)


class CloseForm(forms.Form):
    """How a call-back ended."""

    outcome = forms.ChoiceField(label=_("How did it end?"), choices=CallBack.Outcome.choices)


class ReviewedForm(forms.Form):
    """Who has read every sentence of a language."""

    reviewed_by = forms.CharField(
        label=_("Name of the person who has read every sentence"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "form-control"}),
    )


class WordsForm(forms.Form):
    """Every sentence of one group in one language, to be put into the clinic's own words."""

    def __init__(self, texts: Texts, english: Texts, group: str, data: Any = None) -> None:
        super().__init__(data)
        self.texts = texts
        self.group = group
        for key in texts.groups[group]:
            self.fields[key] = forms.CharField(
                label=english.sentences[key],
                required=False,
                max_length=MOST_LETTERS,
                initial=texts.sentences[key],
                widget=forms.Textarea(
                    attrs={"rows": 1 + len(texts.sentences[key]) // 60, "lang": texts.language, "dir": texts.direction}
                ),
            )

    def changed(self) -> dict[str, str]:
        """Give what was put differently, by key; an emptied field asks for the product's words again."""
        now = self.texts.sentences
        return {key: text for key, text in self.cleaned_data.items() if " ".join(text.split()) != now[key]}
