"""How the clinic works."""

from typing import cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic.decisions import decide
from retineye.clinic.guidelines import GUIDELINES
from retineye.clinic.settings import settings_of
from retineye.web.manager_forms import SettingsForm


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def clinic_settings(request: HttpRequest) -> HttpResponse:
    """Show every decision of the clinic, and take others."""
    user = cast(User, request.user)
    require(user, Right.CHANGE_SETTINGS)
    organisation = user.membership.organisation
    form = SettingsForm(request.POST or None, instance=settings_of(organisation), guideline=organisation.guideline)
    if request.method == "POST" and form.is_valid():
        try:
            decide(user, form.cleaned_data)
        except ValidationError as exc:
            form.add_error(None, exc)
        else:
            messages.success(request, _("The settings are saved."))
            return redirect("clinic_settings")
    shown = {"form": form, "guideline": GUIDELINES[organisation.guideline], "zones": SettingsForm.zones()}
    return render(request, "web/settings.html", shown)
