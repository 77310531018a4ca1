"""Plays Meta for WhatsApp. `pywa` makes the same message, reads Meta's webhook, and checks its signature."""

import hashlib
import hmac
import json
import logging
import time

import httpx
import pywa.utils
from pywa import WhatsApp, handlers
from pywa.types.templates import AuthenticationBody, CopyCodeOTPButton, TemplateLanguage
from senders_run import ACCOUNTS, ISSUER, JSON, asked, call, report, send_code, to_vendors

ACCOUNT = ACCOUNTS["whatsapp"]
BRAZILIAN = "+5511961234567"
WEBHOOK = ISSUER + "/v1/reports/whatsapp/app"
# It logs each wrong signature, of which this check makes some.
logging.getLogger("pywa").setLevel(logging.ERROR)


class ToVendors(httpx.HTTPTransport):
    def handle_request(self, request):
        request.url = httpx.URL(to_vendors(str(request.url)))
        return super().handle_request(request)


def client(app_secret):
    session = httpx.Client(transport=ToVendors())
    number, token = ACCOUNT["phone_number_id"], ACCOUNT["access_token"]
    return WhatsApp(number, token, session=session, server=None, app_secret=app_secret, api_version="23.0")


def without_spelling(message):
    """A message without what Meta takes in either spelling, and without what is the default."""
    message["template"]["language"].pop("policy", None)
    for component in message["template"]["components"]:
        component |= {"type": component["type"].lower()}
        if component["type"] == "button":
            component |= {"index": str(component["index"]), "sub_type": component["sub_type"].lower()}
    return message


def check_message(language, template_language):
    """The code goes out as `pywa` sends it. Returns the token that Meta reports with."""
    _, path, headers, body = send_code(BRAZILIAN, locale=language)
    message = json.loads(body)
    token, code = message["biz_opaque_callback_data"], message["template"]["components"][0]["parameters"][0]["text"]
    assert code.isdigit() and len(token) <= 512, message
    params = [AuthenticationBody.params(otp=code), CopyCodeOTPButton.params(otp=code)]
    send = lambda: client(None).send_template(BRAZILIAN, ACCOUNT["template"], template_language, params, tracker=token)
    their_path, their_headers, their_body = asked(send)
    assert path == their_path and headers["authorization"] == their_headers["authorization"], (path, their_path)
    ours, theirs = without_spelling(message), without_spelling(json.loads(their_body))
    assert ours == theirs, (ours, theirs)
    return token


def webhook(token, status):
    """Meta's report on a message."""
    state = {"id": "wamid.1", "status": status, "timestamp": str(int(time.time())), "recipient_id": BRAZILIAN[1:]}
    pricing = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "authentication"}
    number = {"display_phone_number": "15550783881", "phone_number_id": ACCOUNT["phone_number_id"]}
    contact = {"profile": {"name": "Zoë"}, "wa_id": BRAZILIAN[1:], "user_id": "BR.1"}
    state |= {"biz_opaque_callback_data": token, "pricing": pricing}
    value = {"messaging_product": "whatsapp", "metadata": number, "contacts": [contact], "statuses": [state]}
    entry = {"id": "102290129340398", "changes": [{"value": value, "field": "messages"}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]})


def read(body, app_secret, signature):
    """The status and the token that `pywa` reads in a webhook; `None` if the signature is wrong."""
    meta, seen = client(app_secret), []
    note = lambda _, update: seen.append((update.status.value, update.tracker))
    meta.add_handlers(handlers.MessageStatusHandler(note))
    if meta.webhook_update_validator(body.encode(), signature) is not None:
        return None
    meta.webhook_update_handler(body.encode())
    return seen


def signature_of(body, app_secret):
    return "sha256=" + hmac.new(app_secret.encode(), body.encode(), hashlib.sha256).hexdigest()


def report_signed(body, signature):
    return report(WEBHOOK, body, {"content-type": JSON, pywa.utils.HUB_SIG: signature})


def check_reports(token):
    """Meta signs with either secret. A report counts once."""
    new, old = ACCOUNT["app_secret"].split()
    for status, secret in (("sent", old), ("delivered", new)):
        body = webhook(token, status)
        signature, wrong = signature_of(body, secret), signature_of(body, "another-secret")
        assert read(body, secret, signature) == [(status, token)] and read(body, secret, wrong) is None, body
        assert report_signed(body, wrong) == report_signed(body + " ", signature) == 404
        for _ in range(10):
            assert report_signed(body, signature) == 200


def check_challenge():
    """Meta asks whether the address is the app's."""
    path = WEBHOOK.removeprefix(ISSUER) + "?hub.mode=subscribe&"
    names = f"{pywa.utils.HUB_CH}=1158201444&{pywa.utils.HUB_VT}="
    assert call(path + names + ACCOUNT["verify_token"]) == (200, 1158201444)
    assert call(path + names + "another-token")[0] == 404


def check():
    check_challenge()
    check_message("es", TemplateLanguage.SPANISH)
    # The template has no Hindi, so the message is in the first language that it has.
    check_reports(check_message("hi", TemplateLanguage.ENGLISH_US))
