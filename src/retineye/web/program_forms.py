"""What people type about programs: tokens, webhooks, archives."""

from django import forms
from django.utils.translation import gettext_lazy as _

from retineye.accounts.tokens import LONGEST_DAYS, SCOPE_WORDS
from retineye.clinic.webhooks import Event

EVENT_WORDS = {
    Event.VERDICT_READY: _("A photograph was graded"),
    Event.EXAM_SIGNED: _("A doctor signed an exam"),
}


class TokenForm(forms.Form):
    """A token for a program."""

    name = forms.CharField(
        label=_("Name of the program"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    days = forms.TypedChoiceField(
        label=_("Good for"),
        coerce=int,
        initial=90,
        choices=[(7, _("a week")), (30, _("30 days")), (90, _("90 days")), (LONGEST_DAYS, _("a year"))],
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[(scope.value, words) for scope, words in SCOPE_WORDS.items()],
        widget=forms.CheckboxSelectMultiple,
    )


class WebhookForm(forms.Form):
    """An address to be told."""

    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off"}),
    )
    events = forms.MultipleChoiceField(
        label=_("Tell it when"),
        choices=[(event.value, words) for event, words in EVENT_WORDS.items()],
        widget=forms.CheckboxSelectMultiple,
    )


class BatchForm(forms.Form):
    """A table of photographs, with the zip file or for the server's folder."""

    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    table = forms.FileField(label=_("Table (CSV)"))
    pictures = forms.FileField(
        label=_("Photographs (zip)"),
        required=False,
        help_text=_("Leave it empty where the photographs lie in the server's folder for archives."),
    )
