"""What people type of a patient and a visit, checked for form; whether it can be is decided further down."""

from typing import Any

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from retineye.clinic.facts import Facts
from retineye.clinic.models import DiabetesType, Exam, Eye, HbA1cUnit, Patient, Sex, Symptom, Treatment

LANGUAGES = (
    ("en", "English"),
    ("es", "Español"),
    ("fr", "Français"),
    ("pt", "Português"),
    ("hi", "हिन्दी"),
    ("sw", "Kiswahili"),
    ("ar", "العربية"),
)
"""Languages of the patient's page, each by its own name."""

_YES_NO = ((True, _("Yes")), (False, _("No")))
_OFF = {"autocomplete": "off"}


def _yes_no(value: object) -> bool | None:
    return {"True": True, "False": False}.get(str(value))


class PatientForm(forms.Form):
    """A patient's record."""

    name = forms.CharField(
        label=_("Name"), max_length=200, widget=forms.TextInput(attrs=_OFF), help_text=_("One word is enough.")
    )
    birth_date = forms.DateField(
        label=_("Date of birth"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"} | _OFF),
    )
    birth_year = forms.IntegerField(
        label=_("or year of birth"),
        required=False,
        min_value=1890,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"} | _OFF),
        help_text=_("Where only the year is known."),
    )
    local_id = forms.CharField(
        label=_("Clinic's own number"),
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs=_OFF),
        help_text=_("A barcode scanner may type it."),
    )
    diabetes_type = forms.ChoiceField(
        label=_("Diabetes"), required=False, choices=[("", _("not asked")), *DiabetesType.choices]
    )
    diabetes_year = forms.IntegerField(
        label=_("found in the year"),
        required=False,
        min_value=1890,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"} | _OFF),
    )
    sex = forms.ChoiceField(label=_("Sex"), required=False, choices=[("", _("not stated")), *Sex.choices])
    phone = forms.CharField(
        label=_("Telephone"), max_length=40, required=False, widget=forms.TextInput(attrs={"inputmode": "tel"} | _OFF)
    )
    language = forms.ChoiceField(
        label=_("Language of the patient's page"), required=False, choices=[("", _("the clinic's")), *LANGUAGES]
    )
    another = forms.BooleanField(required=False, widget=forms.HiddenInput())

    def clean(self) -> dict[str, Any]:
        """Hold the two ways to state an age against each other and the calendar."""
        cleaned: dict[str, Any] = super().clean() or {}
        born, year, now = cleaned.get("birth_date"), cleaned.get("birth_year"), timezone.localdate()
        if born and born > now:
            self.add_error("birth_date", _("This date is in the future."))
        if year and year > now.year:
            self.add_error("birth_year", _("This year is in the future."))
        if not born and not year and not self.errors:
            self.add_error("birth_date", _("Give the date of birth, or the year where only that is known."))
        return cleaned

    @property
    def record(self) -> dict[str, Any]:
        """Give what was typed, column by column."""
        return {name: value for name, value in self.cleaned_data.items() if name != "another"}


class PatientChangeForm(PatientForm):
    """A patient's record that is there already."""

    deceased_on = forms.DateField(
        label=_("Died on"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"} | _OFF),
        help_text=_("Nobody calls or writes to the patient from then on."),
    )

    @classmethod
    def of(cls, patient: Patient, data: Any = None) -> "PatientChangeForm":
        """Give the form filled with the patient's record."""
        names = [name for name in cls.base_fields if name != "another"]
        initial = {name: getattr(patient, name) for name in names}
        if patient.birth_date:
            initial["birth_year"] = None
        return cls(data, initial=initial)


class IdentifierForm(forms.Form):
    """One further number of a patient."""

    value = forms.CharField(label=_("Number"), max_length=100, required=False, widget=forms.TextInput(attrs=_OFF))
    system = forms.CharField(
        label=_("Whose number it is"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"list": "number-systems"} | _OFF),
    )


_Identifiers = formset_factory(IdentifierForm, extra=1, max_num=10)


def identifiers_form(patient: Patient, data: Any = None) -> BaseFormSet[IdentifierForm]:
    """Give a line for each further number of the patient, and an empty one."""
    held = [{"value": one.value, "system": one.system} for one in patient.identifiers.order_by("created_at", "id")]
    return _Identifiers(data, initial=held, prefix="numbers")


def typed_identifiers(lines: BaseFormSet[IdentifierForm]) -> dict[str, str]:
    """Give the numbers that were typed, each with whose it is; an emptied line takes its number away."""
    typed = ((" ".join(line["value"].split()), " ".join(line["system"].split())) for line in lines.cleaned_data if line)
    return {value: system for value, system in typed if value}


def _treatment(eye: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=eye, required=False, choices=Treatment.choices, widget=forms.CheckboxSelectMultiple()
    )


def _acuity(label: object) -> forms.CharField:
    attrs = {"list": "acuities", "autocapitalize": "off", "spellcheck": "false"} | _OFF
    return forms.CharField(label=label, max_length=20, required=False, widget=forms.TextInput(attrs=attrs))  # type: ignore[arg-type]


class FactsForm(forms.Form):
    """What is known of the patient on the day of the exam."""

    consent = forms.TypedChoiceField(
        label=_("Agrees to photographs, and to their grading by software"),
        required=False,
        choices=_YES_NO,
        coerce=_yes_no,
        empty_value=None,
        widget=forms.RadioSelect(),
    )
    symptoms = forms.MultipleChoiceField(
        label=_("New complaints of the eyes"),
        required=False,
        choices=Symptom.choices,
        widget=forms.CheckboxSelectMultiple(),
    )
    symptoms_other = forms.CharField(
        label=_("Which one"), max_length=200, required=False, widget=forms.TextInput(attrs=_OFF)
    )
    right_acuity = _acuity(_("Right eye"))
    left_acuity = _acuity(_("Left eye"))
    right_treated = _treatment(_("Right eye"))
    left_treated = _treatment(_("Left eye"))
    pregnant = forms.TypedChoiceField(
        label=_("Pregnant"),
        required=False,
        choices=_YES_NO,
        coerce=_yes_no,
        empty_value=None,
        widget=forms.RadioSelect(),
    )
    hba1c = forms.FloatField(
        label=_("Value"),
        required=False,
        localize=True,
        widget=forms.TextInput(attrs={"inputmode": "decimal"} | _OFF),
    )
    hba1c_unit = forms.ChoiceField(label=_("Unit"), required=False, choices=HbA1cUnit.choices)
    hba1c_on = forms.DateField(
        label=_("measured on"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"} | _OFF)
    )
    last_eye_exam = forms.CharField(
        label=_("Last eye exam"),
        max_length=10,
        required=False,
        widget=forms.TextInput(attrs={"list": "last-exams"} | _OFF),
        help_text=_("A year, a date as 2024-05-31, or never."),
    )
    right_dilated = forms.BooleanField(label=_("Right"), required=False)
    left_dilated = forms.BooleanField(label=_("Left"), required=False)

    @classmethod
    def of(cls, exam: Exam, data: Any = None) -> "FactsForm":
        """Give the form filled with what the exam holds."""
        initial = {name: getattr(exam, name) for name in cls.base_fields if hasattr(exam, name)}
        initial |= {f"{eye.value}_treated": exam.treated.get(eye.value, []) for eye in Eye}
        initial["hba1c_unit"] = exam.hba1c_unit or HbA1cUnit.PERCENT
        return cls(data, initial=initial)

    def clean_hba1c(self) -> float | None:
        """Round the number as laboratories write it."""
        value = self.cleaned_data["hba1c"]
        return None if value is None else round(value, 1)

    @property
    def facts(self) -> Facts:
        """Give what was typed."""
        given = dict(self.cleaned_data)
        given["treated"] = {eye.value: tuple(given.pop(f"{eye.value}_treated")) for eye in Eye}
        return Facts(**{**given, "symptoms": tuple(given["symptoms"])})


class ReasonForm(forms.Form):
    """Why something is put right."""

    reason = forms.CharField(
        label=_("Why"),
        max_length=500,
        widget=forms.TextInput(attrs={"list": "reasons"} | _OFF),
        help_text=_("It stays with the record."),
    )


class OtherPatientForm(ReasonForm):
    """Whose it really is, and why."""

    patient = forms.UUIDField(error_messages={"required": _("Choose the patient.")})
