"""What goes in and comes out about the programs themselves: tokens, webhooks, deliveries."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from retineye.accounts.tokens import Scope
from retineye.api.schemas import Asked, Flag, Text, Whole
from retineye.clinic.webhooks import Event


class Me(Schema):
    """Who the token speaks for."""

    user: UUID
    name: str
    role: str
    clinic: UUID
    clinic_name: str
    rights: list[str]
    token: UUID
    scopes: list[str]
    expires_at: datetime


class NewToken(Asked):
    """A token that is made: no stronger than the one that asks."""

    name: Annotated[Text, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))]
    days: Annotated[Whole, Field(ge=1, le=366)] = 90


class TokenOut(Schema):
    """A token, without its text."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class MadeToken(TokenOut):
    """A new token with its text, which is shown only now."""

    text: str


class NewWebhook(Asked):
    """An address to be told."""

    url: Annotated[Text, Field(min_length=1, max_length=500)]
    events: Annotated[list[Event], Field(min_length=1, max_length=len(Event))]


class WebhookChange(Asked):
    """What is changed of a webhook; what is left out stays."""

    url: Annotated[Text, Field(min_length=1, max_length=500)] | None = None
    events: Annotated[list[Event], Field(min_length=1, max_length=len(Event))] | None = None
    active: Flag | None = None
    new_secret: Flag = False


class WebhookOut(Schema):
    """A webhook."""

    id: UUID
    url: str
    events: list[str]
    active: bool
    created_at: datetime


class SecretWebhook(WebhookOut):
    """A webhook with the secret that its messages are signed with."""

    secret: str


class DeliveryOut(Schema):
    """A message to a webhook, and how it went."""

    id: UUID
    event: str
    body: dict[str, Any]
    state: str
    tries: int
    next_at: datetime
    status: int | None
    error: str
    sent_at: datetime | None
    created_at: datetime
