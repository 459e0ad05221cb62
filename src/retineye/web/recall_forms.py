"""Forms of the recall list and of what becomes of referrals."""

from django import forms
from django.utils.translation import gettext_lazy as _

from retineye.clinic.models import RecallEnd, ReferralOutcome, Reminder


class _Day(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(attrs={"class": "form-control"}, format="%Y-%m-%d")


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "form-select"})


def _line(**attrs: str) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "form-control", "autocomplete": "off", **attrs})


class ReminderForm(forms.Form):
    """One attempt to call the patient."""

    how = forms.ChoiceField(label=_("What was done?"), choices=Reminder.How.choices, widget=_select())
    next_on = forms.DateField(label=_("Appointment, or try again on"), required=False, widget=_Day())
    note = forms.CharField(label=_("Note"), max_length=300, required=False, widget=_line())


class OutcomeForm(forms.Form):
    """What is known of the visit to the eye doctor."""

    state = forms.ChoiceField(label=_("Was the patient seen?"), choices=ReferralOutcome.State.choices, widget=_select())
    where = forms.CharField(label=_("Where?"), max_length=200, required=False, widget=_line())
    on = forms.DateField(label=_("When?"), required=False, widget=_Day())
    found = forms.ChoiceField(
        label=_("What was found?"),
        choices=[("", "—"), *ReferralOutcome.Found.choices],
        required=False,
        widget=_select(),
    )
    back_on = forms.DateField(label=_("To be photographed here again on"), required=False, widget=_Day())
    note = forms.CharField(label=_("Note"), max_length=500, required=False, widget=_line())


class DayForm(forms.Form):
    """Another day in the place of the result's."""

    day = forms.DateField(label=_("Another day"), required=False, widget=_Day())


class EndForm(forms.Form):
    """Why the patient is not called any more."""

    why = forms.ChoiceField(
        label=_("Do not call any more"), choices=[("", _("Call again")), *RecallEnd.choices], required=False
    )
