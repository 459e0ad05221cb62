"""Forms of the clinic's numbers, settings, and the care of its data."""

import zoneinfo

from django import forms
from django.utils.translation import gettext_lazy as _

from retineye.clinic.guidelines import GUIDELINES
from retineye.clinic.models import ClinicSettings, Erasure
from retineye.clinic.report_texts import languages


class PeriodForm(forms.Form):
    """Between which days to count."""

    first = forms.DateField(required=False)
    last = forms.DateField(required=False)


class SettingsForm(forms.ModelForm[ClinicSettings]):
    """Everything that a clinic decides."""

    guideline = forms.ChoiceField(label=_("Referral table"), widget=forms.Select(attrs={"class": "form-select"}))
    time_zone = forms.CharField(
        label=_("Time zone"),
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"class": "form-control", "list": "zones", "autocomplete": "off"}),
    )
    language = forms.ChoiceField(
        label=_("Language of the patient's page"),
        choices=languages,
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    class Meta:
        model = ClinicSettings
        fields = (
            "report_contact",
            "blind_first",
            "second_read_percent",
            "escalate_after_hours",
            "low_acuity_logmar",
            "capture_warn_days",
            "shadow_mode",
            "retention_years",
            "time_zone",
            "language",
        )
        labels = {
            "report_contact": _("Whom the patient calls"),
            "blind_first": _("Read blind first"),
            "second_read_percent": _("Second read (percent of exams)"),
            "escalate_after_hours": _("Escalate after (hours)"),
            "low_acuity_logmar": _("Low acuity from (logMAR)"),
            "capture_warn_days": _("Old photographs ask from (days)"),
            "shadow_mode": _("Shadow mode"),
            "retention_years": _("Keep patients for (years)"),
        }
        widgets = {
            "report_contact": forms.Textarea(attrs={"class": "form-control", "rows": 2}),
            "second_read_percent": forms.NumberInput(attrs={"class": "form-control", "min": 0, "max": 100}),
            "escalate_after_hours": forms.NumberInput(attrs={"class": "form-control", "min": 1}),
            "low_acuity_logmar": forms.NumberInput(attrs={"class": "form-control", "step": "0.1"}),
            "capture_warn_days": forms.NumberInput(attrs={"class": "form-control", "min": 1}),
            "retention_years": forms.NumberInput(attrs={"class": "form-control", "min": 1}),
        }

    helps = {
        "guideline": _(
            "Decides when a patient is referred and when the next visit is due. "
            "It holds for exams opened from now on; an older exam keeps its own."
        ),
        "time_zone": _("Days and hours are counted and shown by it. Empty: the server's."),
        "language": _("Unless the patient's record names another."),
        "report_contact": _("A name and a telephone number, as the patient's page prints it."),
        "blind_first": _("The doctor sees the photographs first, and the software's grade only after the own read."),
        "second_read_percent": _("So many of all exams are read by a second doctor too, chosen by chance."),
        "escalate_after_hours": _("An urgent exam that nobody has read for so long is shown to all who can read."),
        "low_acuity_logmar": _("An eye that sees this badly or worse overrides the interval. 0.5 is 6/19 or 20/63."),
        "capture_warn_days": _("A photograph that is this much older than the exam asks a person before it is taken."),
        "shadow_mode": _(
            "For trying the software out: verdicts are made and kept, and shown to nobody. "
            "Doctors read as if it were not there; their agreement with it is counted."
        ),
        "retention_years": _(
            "Counted from the last exam. After that the patient is erased, unless under legal hold. "
            "Empty: kept for good."
        ),
    }
    groups = (
        (_("The patient's way"), ("guideline", "low_acuity_logmar", "report_contact", "language")),
        (_("Reading"), ("blind_first", "second_read_percent", "escalate_after_hours", "shadow_mode")),
        (_("Photographs and time"), ("time_zone", "capture_warn_days")),
        (_("Keeping"), ("retention_years",)),
    )

    def __init__(self, *args: object, guideline: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["guideline"].choices = [  # type: ignore[attr-defined]
            (key, f"{one.name}, {one.version}, {one.setting}") for key, one in GUIDELINES.items()
        ]
        self.fields["guideline"].initial = guideline
        for name, text in self.helps.items():
            self.fields[name].help_text = text
            self.fields[name].widget.attrs["aria-describedby"] = f"help-{name}"

    def grouped(self) -> list[tuple[object, list[forms.BoundField]]]:
        """Give the fields in the groups of the page."""
        return [(title, [self[name] for name in names]) for title, names in self.groups]

    @staticmethod
    def zones() -> list[str]:
        """Name every time zone."""
        return sorted(zoneinfo.available_timezones())


def _line() -> forms.TextInput:
    return forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"})


class HoldForm(forms.Form):
    """Why nothing of a patient may be erased."""

    reason = forms.CharField(label=_("Reason"), max_length=300, widget=_line())


class EraseForm(forms.Form):
    """Why a patient is erased, with the name typed once more."""

    why = forms.ChoiceField(
        label=_("Why?"),
        choices=[one for one in Erasure.Why.choices if one[0] != Erasure.Why.RETENTION],
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    name = forms.CharField(label=_("The patient's name, as it stands above"), max_length=200, widget=_line())


class ConsentForm(forms.Form):
    """Whether the patient agrees to anonymised use in research."""

    answer = forms.ChoiceField(choices=[("yes", _("Yes")), ("no", _("No")), ("", _("Not asked"))], required=False)


class ResearchForm(forms.Form):
    """Which exams to take out."""

    first = forms.DateField(
        label=_("Exams from"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date", "class": "form-control"}),
    )
    last = forms.DateField(
        label=_("to"), required=False, widget=forms.DateInput(attrs={"type": "date", "class": "form-control"})
    )
