"""Which address leads where."""

from allauth.account import views as account
from django.urls import include, path

from retineye.api import root

urlpatterns = [
    path("account/login/", account.login, name="account_login"),
    path("account/logout/", account.logout, name="account_logout"),
    path("account/inactive/", account.account_inactive, name="account_inactive"),
    path("account/password/change/", account.password_change, name="account_change_password"),
    path("account/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("api/v1/", root.urls),
    path("", include("retineye.web.urls")),
]
