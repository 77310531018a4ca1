"""Twilio's library, which makes the same requests as the service."""

import urllib.parse
import xml.etree.ElementTree

from senders_run import asked, to_vendors
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client


class ToVendors(TwilioHttpClient):
    def request(self, method, url, **fields):
        return super().request(method, to_vendors(url), **fields)


def check_as_twilio(path, headers, body, ask):
    """Twilio's library makes the same request. Its library writes TwiML with an XML declaration."""
    client = Client("AC1", "new-token", http_client=ToVendors())
    their_path, their_headers, their_body = asked(lambda: ask(client))
    ours, theirs = (dict(urllib.parse.parse_qsl(one, strict_parsing=True)) for one in (body, their_body))
    for form in (ours, theirs):
        form["Twiml"] = xml.etree.ElementTree.canonicalize(form.get("Twiml", "<Response/>"))
    assert ours == theirs, (ours, theirs)
    for name in ("authorization", "content-type"):
        assert headers[name] == their_headers[name], (headers, their_headers)
    assert path == their_path, (path, their_path)
