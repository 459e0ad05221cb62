"""What people type about cameras and archives."""

from django import forms
from django.utils.translation import gettext_lazy as _

_PLAIN = {"autocomplete": "off"}


class CameraForm(forms.Form):
    """A machine that may send."""

    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput(attrs=_PLAIN))
    ae_title = forms.CharField(
        label=_("DICOM title (AE)"),
        max_length=16,
        help_text=_("As the camera calls itself: up to 16 letters, digits and marks. Capitals count."),
        widget=forms.TextInput(attrs=_PLAIN),
    )


class ArchiveForm(forms.Form):
    """An archive that takes results."""

    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput(attrs=_PLAIN))
    address = forms.CharField(
        label=_("Address and port"),
        max_length=260,
        widget=forms.TextInput(attrs={**_PLAIN, "placeholder": "archive.example.org:104"}),
    )
    ae_title = forms.CharField(
        label=_("DICOM title (AE)"),
        max_length=16,
        widget=forms.TextInput(attrs=_PLAIN),
        help_text=_("The archive's own."),
    )
    tls = forms.BooleanField(label=_("Encrypted (TLS)"), required=False)
