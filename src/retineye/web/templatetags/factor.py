"""What the pages of the second factor ask about who stands before them."""

from dataclasses import dataclass

from django import template
from django.http import HttpRequest

from retineye.accounts.guarding import lacks_second_factor
from retineye.accounts.models import User
from retineye.accounts.second_factor import takes_passkeys

register = template.Library()


@dataclass(frozen=True, slots=True)
class FactorState:
    """Where the person stands."""

    lacking: bool
    """The clinic asks for a second factor, and the person has none."""
    takes_passkeys: bool
    """A passkey can be bound to the address that the page was asked for at."""


@register.simple_tag(takes_context=True)
def factor_state(context: template.Context) -> FactorState:
    """Say what the person lacks, and what can be set up here."""
    request: HttpRequest = context["request"]
    user = request.user
    return FactorState(isinstance(user, User) and lacks_second_factor(request, user), takes_passkeys(request))
