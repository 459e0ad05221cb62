"""How people come in: the first one by the link of the first run, the others by invitation."""

from allauth.account.adapter import get_adapter
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from retineye.accounts import invitations, setup
from retineye.accounts.links import LinkError
from retineye.clinic import checks
from retineye.web.forms import FirstRun, NewPassword


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def first_run(request: HttpRequest, token: str) -> HttpResponse:
    """Set the service up by the one-time link."""
    form = FirstRun(request.POST or None)
    try:
        setup.check_link(token)
        if form.is_valid():
            get_adapter().login(request, setup.set_up(token, **form.cleaned_data))
            return redirect("worklist")
    except LinkError as exc:
        return render(request, "web/link_gone.html", {"sentence": exc}, status=404)
    except ValidationError as exc:
        form.add_error("password", exc)
    return render(request, "web/first_run.html", {"form": form, "card": checks.pack_card()})


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation by its link."""
    form = NewPassword(request.POST or None)
    try:
        invitation = invitations.find_invitation(token)
        if form.is_valid():
            get_adapter().login(request, invitations.accept(token, **form.cleaned_data))
            return redirect("worklist")
    except (LinkError, invitations.AlreadyHereError) as exc:
        return render(request, "web/link_gone.html", {"sentence": exc}, status=404)
    except ValidationError as exc:
        form.add_error("password", exc)
    return render(request, "web/join.html", {"form": form, "invitation": invitation})
