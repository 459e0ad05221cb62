"""The worklist's filters that a person keeps under a name."""

from django.db.models import QuerySet

from retineye.accounts.models import User
from retineye.clinic.models import SavedFilter

_MOST = 20


def saved_filters_of(user: User) -> QuerySet[SavedFilter]:
    """Give the person's own filters, by name."""
    return SavedFilter.objects.filter(user=user).order_by("name")


def keep_filter(user: User, name: str, query: str) -> SavedFilter | None:
    """Keep a filter under a name, or put it in the place of the one of that name; None where the name can not be.

    Of more than twenty the oldest goes.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= 60 or len(query) > 500:
        return None
    kept, _ = SavedFilter.objects.update_or_create(user=user, name=name, defaults={"query": query})
    old = SavedFilter.objects.filter(user=user).order_by("-created_at").values_list("pk", flat=True)[_MOST:]
    SavedFilter.objects.filter(pk__in=list(old)).delete()
    return kept
