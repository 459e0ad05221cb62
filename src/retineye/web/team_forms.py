"""What an administrator types about colleagues and programs, and what people type about their own keys."""

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from retineye.accounts.guarding import LEAST_IDLE_MINUTES, most_idle_minutes
from retineye.accounts.models import Role
from retineye.accounts.people import CLOSING, OPENING
from retineye.accounts.policy import MACHINE_ROLES


class RoleForm(forms.Form):
    """Another role."""

    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: object, machine: bool, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        roles = MACHINE_ROLES if machine else tuple(Role)
        self.fields["role"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]


class ClosingForm(forms.Form):
    """Why an account is closed."""

    reason = forms.ChoiceField(
        label=_("Why?"), choices=[("", _("Choose a reason")), *((one.value, one.label) for one in CLOSING)]
    )


class OpeningForm(forms.Form):
    """Why an account is opened again."""

    reason = forms.ChoiceField(
        label=_("Why?"), choices=[("", _("Choose a reason")), *((one.value, one.label) for one in OPENING)]
    )


class MachineForm(forms.Form):
    """A program of the clinic's."""

    name = forms.CharField(
        label=_("Name of the program"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(
        label=_("It may do what this role may"), choices=[(role.value, role.label) for role in MACHINE_ROLES]
    )


class GuardingForm(forms.Form):
    """How the clinic guards its accounts."""

    second_factor_roles = forms.MultipleChoiceField(
        label=_("Must have a second factor"),
        required=False,
        choices=Role.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    idle_minutes = forms.IntegerField(
        label=_("Sign out after so many minutes without a click"),
        required=False,
        widget=forms.NumberInput(attrs={"class": "form-control minutes"}),
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        least, most = LEAST_IDLE_MINUTES, most_idle_minutes()
        field = self.fields["idle_minutes"]
        field.widget.attrs |= {"min": least, "max": most, "placeholder": most}
        field.validators += [MinValueValidator(least), MaxValueValidator(most)]
        field.help_text = _("%(least)d to %(most)d. Empty: after %(most)d, as the service does.") % {
            "least": least,
            "most": most,
        }


class ForgottenForm(forms.Form):
    """Where to mail the link for a new password."""

    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "email"}))


class ChosenPassword(forms.Form):
    """A new password, typed twice: who chooses it can not see it."""

    password = forms.CharField(
        label=_("New password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    again = forms.CharField(
        label=_("Once more"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["password"].help_text = " ".join(password_validators_help_texts())

    def clean_again(self) -> str:
        """Stop where the two differ."""
        again: str = self.cleaned_data["again"]
        if "password" in self.cleaned_data and again != self.cleaned_data["password"]:
            raise forms.ValidationError(_("The two are not the same."))
        return again
