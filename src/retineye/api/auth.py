"""Who a request comes from: a token of a person's, with a scope for what is asked."""

from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from ninja.security import HttpBearer

from retineye.accounts import tokens
from retineye.accounts.models import ApiToken, User
from retineye.accounts.tokens import Counted, Scope
from retineye.api.problems import Problem, ProblemError


@dataclass
class Caller:
    """Who asks, found once for each request."""

    token: ApiToken
    counted: Counted

    @property
    def user(self) -> User:
        """Give the token's person."""
        return self.token.user


def caller_of(request: HttpRequest) -> Caller | None:
    """Give who asks, by the Authorization header; None where that is nobody. Each request counts once.

    Raises
    ------
    ProblemError
        If the token has asked too often.
    """
    known = getattr(request, "_caller", False)
    if known is not False:
        return cast(Caller | None, known)
    kind, _space, text = request.headers.get("Authorization", "").partition(" ")
    token = tokens.find(text.strip()) if kind.lower() == "bearer" else None
    caller = None
    if token is not None:
        counted = tokens.count_call(token, settings.RETINEYE_API_RATE)
        caller = Caller(token, counted)
    request._caller = caller  # type: ignore[attr-defined]
    if caller is not None:
        request.user = caller.user
        if caller.counted.left < 0:
            raise ProblemError(Problem.TOO_MANY_REQUESTS, headers={"Retry-After": str(caller.counted.reset_s)})
    return caller


class Token(HttpBearer):
    """A bearer token that is good for one scope."""

    openapi_description = "A token that a person made on the page “Programs”."

    def __init__(self, scope: Scope | None) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Any | None:
        """Give who asks."""
        caller = caller_of(request)
        if caller is None:
            raise ProblemError(Problem.NOT_AUTHENTICATED, headers={"WWW-Authenticate": "Bearer"})
        if self.scope is not None and self.scope.value not in caller.token.scopes:
            raise ProblemError(Problem.MISSING_SCOPE, f"The token needs the scope {self.scope.value}.")
        return caller

    def authenticate(self, request: HttpRequest, token: str) -> Any | None:
        """Not asked: the whole is in `__call__`."""
        return caller_of(request)


def user_of(request: HttpRequest) -> User:
    """Give the person in whose name the request is made."""
    return cast(Caller, request.auth).user  # type: ignore[attr-defined]


def token_of(request: HttpRequest) -> ApiToken:
    """Give the token of the request."""
    return cast(Caller, request.auth).token  # type: ignore[attr-defined]
