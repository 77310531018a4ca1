"""An app with mozilla-django-oidc, configured as docs/openid-connect.md says. It says who is signed in."""

import os
from urllib.parse import urlencode
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import include, path

ISSUER, PORT = os.environ["ISSUER"], int(os.environ["PORT"])
HOME = f"http://localhost:{PORT}/"


def sub(email, claims):
    """The name of a user in Django: who they are at the issuer, since not everybody has an e-mail address."""
    return claims["sub"]


def logout_url(request):
    """Where people are sent to sign out of the issuer."""
    query = {"id_token_hint": request.session["oidc_id_token"], "post_logout_redirect_uri": HOME}
    return f"{ISSUER}/oauth2/logout?{urlencode(query)}"


settings.configure(
    SECRET_KEY=os.environ["CLIENT_SECRET"],
    ALLOWED_HOSTS=["localhost"],
    DEBUG_PROPAGATE_EXCEPTIONS=True,
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "mozilla_django_oidc"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    AUTHENTICATION_BACKENDS=[f"{__name__}.Backend"],
    OIDC_RP_CLIENT_ID="django",
    OIDC_RP_CLIENT_SECRET=os.environ["CLIENT_SECRET"],
    OIDC_RP_SIGN_ALGO="RS256",
    OIDC_RP_SCOPES="openid phone",
    OIDC_USE_PKCE=True,
    OIDC_OP_AUTHORIZATION_ENDPOINT=f"{ISSUER}/oauth2/authorize",
    OIDC_OP_TOKEN_ENDPOINT=f"{ISSUER}/oauth2/token",
    OIDC_OP_USER_ENDPOINT=f"{ISSUER}/oauth2/userinfo",
    OIDC_OP_JWKS_ENDPOINT=f"{ISSUER}/.well-known/jwks.json",
    OIDC_OP_LOGOUT_URL_METHOD=f"{__name__}.logout_url",
    OIDC_USERNAME_ALGO=sub,
    OIDC_STORE_ID_TOKEN=True,
    ALLOW_LOGOUT_GET_METHOD=True,
    LOGIN_REDIRECT_URL="/",
    LOGOUT_REDIRECT_URL="/",
    LOGIN_REDIRECT_URL_FAILURE="/failed",
)
django.setup()

from mozilla_django_oidc.auth import OIDCAuthenticationBackend  # noqa: E402  It needs the settings.


class Backend(OIDCAuthenticationBackend):
    """Finds people by `sub` instead of their e-mail address, as its documentation describes."""

    def filter_users_by_claims(self, claims):
        return self.UserModel.objects.filter(username=claims["sub"])

    def verify_claims(self, claims):
        return "sub" in claims


def home(request):
    return JsonResponse({"user": request.user.username})


urlpatterns = [path("", home), path("oidc/", include("mozilla_django_oidc.urls"))]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


call_command("migrate", verbosity=0)
make_server("localhost", PORT, get_wsgi_application(), handler_class=Quiet).serve_forever()
