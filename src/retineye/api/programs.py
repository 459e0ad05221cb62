"""Who a token speaks for, its person's tokens, and webhooks."""

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status

from retineye.accounts import tokens
from retineye.accounts.policy import RIGHTS, Right, require
from retineye.accounts.tokens import Scope
from retineye.api.answers import EVERYWHERE, WRITING, answers, delivery_out, token_out, webhook_out
from retineye.api.auth import Token, token_of, user_of
from retineye.api.paging import Page, Paging, page
from retineye.api.program_schemas import (
    DeliveryOut,
    MadeToken,
    Me,
    NewToken,
    NewWebhook,
    SecretWebhook,
    TokenOut,
    WebhookChange,
    WebhookOut,
)
from retineye.api.schemas import Id
from retineye.clinic import webhooks

router = Router(tags=["programs"])


@router.get("/me", response=answers({200: Me}), auth=Token(None), operation_id="me")
def me(request: HttpRequest) -> Any:
    """Read who the token speaks for, and what it may."""
    user, token = user_of(request), token_of(request)
    member = user.membership
    return {
        "user": user.pk,
        "name": user.full_name,
        "role": member.role,
        "clinic": member.organisation_id,
        "clinic_name": member.organisation.name,
        "rights": sorted(RIGHTS[member.role]),
        "token": token.pk,
        "scopes": token.scopes,
        "expires_at": token.expires_at,
    }


@router.get(
    "/tokens", response=answers({200: Page[TokenOut]}), auth=Token(Scope.TOKENS_READ), operation_id="list_tokens"
)
def list_tokens(request: HttpRequest, wanted: Query[Paging]) -> Any:
    """List the person's own tokens, the newest first."""
    rows = tokens.tokens_for(user_of(request))
    return page(rows, wanted, ("-created_at", "id"), lambda found: [token_out(one) for one in found])


@router.post(
    "/tokens", response=answers({201: MadeToken}, WRITING), auth=Token(Scope.TOKENS_WRITE), operation_id="make_token"
)
def make_token(request: HttpRequest, body: NewToken) -> Any:
    """Make a token: it may no more than the one that asks, and lives no longer. Its text is shown only now."""
    made = tokens.make(
        user_of(request),
        name=body.name,
        scopes=[scope.value for scope in body.scopes],
        days=body.days,
        within=token_of(request),
    )
    return Status(201, {**token_out(made.token).model_dump(), "text": made.text})


@router.delete(
    "/tokens/{uuid:pk}",
    response=answers({204: None}, EVERYWHERE),
    auth=Token(Scope.TOKENS_WRITE),
    operation_id="revoke_token",
)
def revoke_token(request: HttpRequest, pk: Id) -> Any:
    """Revoke one of the person's own tokens, this one too."""
    user = user_of(request)
    tokens.revoke(user, get_object_or_404(tokens.tokens_for(user), pk=pk))
    return Status(204, None)


@router.get(
    "/webhooks",
    response=answers({200: Page[WebhookOut]}),
    auth=Token(Scope.WEBHOOKS_READ),
    operation_id="list_webhooks",
)
def list_webhooks(request: HttpRequest, wanted: Query[Paging]) -> Any:
    """List the clinic's webhooks."""
    user = user_of(request)
    require(user, Right.CONNECT)
    return page(
        webhooks.webhooks_for(user), wanted, ("created_at", "id"), lambda found: [webhook_out(one) for one in found]
    )


@router.post(
    "/webhooks",
    response=answers({201: SecretWebhook}, WRITING),
    auth=Token(Scope.WEBHOOKS_WRITE),
    operation_id="add_webhook",
)
def add_webhook(request: HttpRequest, body: NewWebhook) -> Any:
    """Have an address told of events; its secret is in the answer."""
    made = webhooks.add(user_of(request), url=body.url, events=[one.value for one in body.events])
    return Status(201, {**webhook_out(made).model_dump(), "secret": webhooks.secret_of(made)})


@router.patch(
    "/webhooks/{uuid:pk}",
    response=answers({200: SecretWebhook}, WRITING),
    auth=Token(Scope.WEBHOOKS_WRITE),
    operation_id="change_webhook",
)
def change_webhook(request: HttpRequest, pk: Id, body: WebhookChange) -> Any:
    """Change what is given of a webhook; with `new_secret` the old secret signs nothing any more."""
    user = user_of(request)
    found = get_object_or_404(webhooks.webhooks_for(user), pk=pk)
    changed = webhooks.change(
        user,
        found,
        url=body.url,
        events=None if body.events is None else [one.value for one in body.events],
        active=body.active,
        new_secret=body.new_secret,
    )
    return {**webhook_out(changed).model_dump(), "secret": webhooks.secret_of(changed)}


@router.delete(
    "/webhooks/{uuid:pk}",
    response=answers({204: None}, EVERYWHERE),
    auth=Token(Scope.WEBHOOKS_WRITE),
    operation_id="remove_webhook",
)
def remove_webhook(request: HttpRequest, pk: Id) -> Any:
    """Forget a webhook with its log."""
    user = user_of(request)
    webhooks.remove(user, get_object_or_404(webhooks.webhooks_for(user), pk=pk))
    return Status(204, None)


@router.get(
    "/webhooks/{uuid:pk}/deliveries",
    response=answers({200: Page[DeliveryOut]}),
    auth=Token(Scope.WEBHOOKS_READ),
    operation_id="list_deliveries",
)
def list_deliveries(request: HttpRequest, pk: Id, wanted: Query[Paging]) -> Any:
    """List what a webhook was sent, the newest first."""
    user = user_of(request)
    found = get_object_or_404(webhooks.webhooks_for(user), pk=pk)
    rows = webhooks.deliveries_for(user, found)
    return page(rows, wanted, ("-created_at", "id"), lambda many: [delivery_out(one) for one in many])


@router.post(
    "/webhooks/{uuid:pk}/ping",
    response=answers({202: DeliveryOut}, WRITING),
    auth=Token(Scope.WEBHOOKS_WRITE),
    operation_id="ping_webhook",
)
def ping_webhook(request: HttpRequest, pk: Id) -> Any:
    """Have a message that means nothing sent to the address."""
    user = user_of(request)
    found = get_object_or_404(webhooks.webhooks_for(user), pk=pk)
    return Status(202, delivery_out(webhooks.ping(user, found)))
