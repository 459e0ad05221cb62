"""Who may watch: a program with the token, or a machine at one of the addresses that the settings name."""

import hmac
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

from retineye.accounts.adapter import client_address


def may_watch(request: HttpRequest) -> bool:
    """Say whether the caller may see figures of the whole service. Where no setting names anybody, nobody may."""
    return _by_token(request) or _by_address(request)


def _by_token(request: HttpRequest) -> bool:
    wanted = str(settings.RETINEYE_WATCH_TOKEN)
    given = request.headers.get("Authorization", "")
    return bool(wanted) and hmac.compare_digest(given.encode(), f"Bearer {wanted}".encode())


def _by_address(request: HttpRequest) -> bool:
    networks = _networks(tuple(settings.RETINEYE_WATCH_FROM))
    if not networks:
        return False
    if not settings.ALLAUTH_TRUSTED_PROXY_COUNT and "x-forwarded-for" in request.headers:
        # It came through a proxy that no setting tells of: the address that is seen is the proxy's.
        return False
    try:
        address = ip_address(client_address(request))
    except ValueError:
        return False
    return any(address in network for network in networks)


@lru_cache(maxsize=4)
def _networks(named: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one) for one in named)
