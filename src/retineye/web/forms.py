"""What people type, checked for form; whether it may be done is decided further down."""

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts
from django.utils.translation import gettext_lazy as _

from retineye.accounts.models import Role
from retineye.clinic.models import Absence, Eye, Field


class NewPassword(forms.Form):
    """A name and a password of one's own."""

    full_name = forms.CharField(
        label=_("Your name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["password"].help_text = " ".join(password_validators_help_texts())


class FirstRun(NewPassword):
    """The clinic and its first administrator."""

    clinic_name = forms.CharField(label=_("Name of the clinic"), max_length=200)
    email = forms.EmailField(
        label=_("E-mail address"),
        help_text=_("You sign in with it."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    field_order = ("clinic_name", "full_name", "email", "password")


class InvitationForm(forms.Form):
    """Whom to invite, and as what."""

    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.TECHNICIAN)


class SiteForm(forms.Form):
    """A place where the clinic works."""

    name = forms.CharField(max_length=200, strip=True)


class UploadForm(forms.Form):
    """One photograph for one lane. The file itself is judged by the intake."""

    eye = forms.ChoiceField(choices=Eye.choices)
    field = forms.ChoiceField(choices=Field.choices, required=False)
    confirmed_other_patient = forms.BooleanField(required=False)
    photograph = forms.FileField(allow_empty_file=True)


class ExamForm(forms.Form):
    """A new exam: when its photographs were taken."""

    taken_on = forms.DateField(label=_("Photographs of"), required=False)


class FieldForm(forms.Form):
    """What a photograph is centred on."""

    field = forms.ChoiceField(choices=Field.choices)


class EyeForm(forms.Form):
    """One of the eyes."""

    eye = forms.ChoiceField(choices=Eye.choices)


class AbsenceForm(forms.Form):
    """Why an eye has no photograph; no reason takes it back."""

    eye = forms.ChoiceField(choices=Eye.choices)
    absence = forms.ChoiceField(choices=[("", ""), *Absence.choices], required=False)
