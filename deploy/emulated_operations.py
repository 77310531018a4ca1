"""Operations of AWS that `latchkey doctor` asks, and that ministack lacks: the settings of texts in SNS,
e-mail subscriptions that have to be confirmed, and an SES identity's default configuration set.

Tests put faults in by the calls of the real API. A state that nobody can set by a call on AWS, such as the sandbox,
is an attribute of texts here that begins with `Emulated`:

- `EmulatedSandbox`: `true` if the account is in the SMS sandbox;
- `EmulatedNumbers`: the origination numbers, like `US=+18335550100,DE=+4915555550100`;
- `EmulatedConcurrency`: the account's limit of Lambda instances.

An SES identity with the tag `emulated:verified=false` is not verified.
"""

import json
import re

from ministack.core.responses import AccountRegionScopedDict, json_response, new_uuid
from ministack.services import lambda_svc, ses, ses_v2, sns
from ministack.services.cloudformation import provisioners

# --- SNS: texts ---------------------------------------------------------------------------------------

_sms_attributes = AccountRegionScopedDict()


def set_sms_attributes(params):
    for number in range(1, 20):
        if key := sns._p(params, f"attributes.entry.{number}.key"):
            _sms_attributes[key] = sns._p(params, f"attributes.entry.{number}.value")
    return sns._xml(200, "SetSMSAttributesResponse", "<SetSMSAttributesResult/>")


def get_sms_attributes(params):
    names = [name for name in _sms_attributes.keys() if not name.startswith("Emulated") and _sms_attributes[name]]
    entries = "".join(
        f"<entry><key>{name}</key><value>{sns._xml_escape(_sms_attributes[name])}</value></entry>" for name in names
    )
    result = f"<GetSMSAttributesResult><attributes>{entries}</attributes></GetSMSAttributesResult>"
    return sns._xml(200, "GetSMSAttributesResponse", result)


def get_sandbox_status(params):
    sandbox = _sms_attributes.get("EmulatedSandbox") or "false"
    result = f"<IsInSandbox>{sandbox}</IsInSandbox>"
    name = "GetSMSSandboxAccountStatus"
    return sns._xml(200, f"{name}Response", f"<{name}Result>{result}</{name}Result>")


def list_origination_numbers(params):
    members = ""
    for pair in filter(None, (_sms_attributes.get("EmulatedNumbers") or "").split(",")):
        country, number = pair.split("=")
        members += (
            f"<member><PhoneNumber>{number}</PhoneNumber><Iso2CountryCode>{country}</Iso2CountryCode>"
            "<Status>ACTIVE</Status><RouteType>Transactional</RouteType>"
            "<NumberCapabilities><member>SMS</member></NumberCapabilities></member>"
        )
    name = "ListOriginationNumbers"
    return sns._xml(200, f"{name}Response", f"<{name}Result><PhoneNumbers>{members}</PhoneNumbers></{name}Result>")


OPERATIONS = {
    "SetSMSAttributes": set_sms_attributes,
    "GetSMSAttributes": get_sms_attributes,
    "GetSMSSandboxAccountStatus": get_sandbox_status,
    "ListOriginationNumbers": list_origination_numbers,
}
plain_sns = sns.handle_request


async def handle_sns(method, path, headers, body, query_params):
    params = dict(query_params) | sns.parse_qs(body.decode()) if method == "POST" and body else dict(query_params)
    if operation := OPERATIONS.get(sns._p(params, "Action")):
        return operation(params)
    return await plain_sns(method, path, headers, body, query_params)


sns.handle_request = handle_sns


# --- Lambda: the account's limit ----------------------------------------------------------------------

plain_account_settings = lambda_svc._get_account_settings


def get_account_settings():
    status, headers, body = plain_account_settings()
    if limit := int(_sms_attributes.get("EmulatedConcurrency") or 0):
        settings = json.loads(body)
        settings["AccountLimit"] |= {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": limit}
        return json_response(settings)
    return status, headers, body


lambda_svc._get_account_settings = get_account_settings


# --- SNS: an e-mail address has to confirm its subscription -------------------------------------------


def ask_to_confirm(topic, subscription_arn):
    """Makes a subscription pending, and sends the mail with the link."""
    for subscription in topic["subscriptions"]:
        if subscription["arn"] == subscription_arn and subscription["protocol"] == "email":
            subscription["confirmed"], subscription["token"] = False, new_uuid()
            link = f"/?Action=ConfirmSubscription&TopicArn={topic['arn']}&Token={subscription['token']}"
            subject = "AWS Notification - Subscription Confirmation"
            ses.send_internal_email("no-reply@sns.amazonaws.com", [subscription["endpoint"]], subject, link)


def with_pending(body, topic):
    """The list of a topic's subscriptions, in which one that is not confirmed has no ARN."""
    for subscription in topic["subscriptions"]:
        if not subscription["confirmed"]:
            arn = f"<SubscriptionArn>{subscription['arn']}</SubscriptionArn>"
            body = body.replace(arn.encode(), b"<SubscriptionArn>PendingConfirmation</SubscriptionArn>")
    return body


plain_subscribe, plain_list = sns._subscribe, sns._list_subscriptions_by_topic


def subscribe(params):
    status, headers, body = plain_subscribe(params)
    if status == 200 and (arn := re.search(rb"<SubscriptionArn>(arn:[^<]+)<", body)):
        ask_to_confirm(sns._topics.get(sns._p(params, "TopicArn")), arn[1].decode())
    return status, headers, body


def list_subscriptions_by_topic(params):
    status, headers, body = plain_list(params)
    if status == 200:
        body = with_pending(body, sns._topics.get(sns._p(params, "TopicArn")))
    return status, headers, body


sns._subscribe, sns._list_subscriptions_by_topic = subscribe, list_subscriptions_by_topic

SUBSCRIPTION = provisioners._RESOURCE_HANDLERS["AWS::SNS::Subscription"]
plain_create_subscription = SUBSCRIPTION["create"]


def create_subscription(logical_id, props, stack_name):
    arn, attributes = plain_create_subscription(logical_id, props, stack_name)
    if topic := sns._topics.get(props["TopicArn"]):
        ask_to_confirm(topic, arn)
    return arn, attributes


SUBSCRIPTION["create"] = create_subscription


# --- SES: an identity's default configuration set, whether it is verified, and whom SES suppresses ------

plain_ses = ses_v2.handle_request
# As in an account that is new.
suppressed = ["BOUNCE", "COMPLAINT"]


async def handle_ses(method, path, headers, body, query_params):
    rest = path.rstrip("/").removeprefix("/v2/email")
    data = json.loads(body) if body and body.startswith(b"{") else {}
    if method == "PUT" and (named := re.match(r"^/identities/([^/]+)/configuration-set$", rest)):
        ses_v2._identities[named[1]]["ConfigurationSetName"] = data.get("ConfigurationSetName")
        return json_response({})
    if method == "PUT" and rest == "/account/suppression":
        suppressed[:] = data.get("SuppressedReasons", [])
        return json_response({})

    answer = await plain_ses(method, path, headers, body, query_params)
    if method == "GET" and rest == "/account" and answer[0] == 200:
        return json_response(json.loads(answer[2]) | {"SuppressionAttributes": {"SuppressedReasons": suppressed}})
    if method == "POST" and rest == "/identities" and answer[0] == 200:
        tags = {tag["Key"]: tag["Value"] for tag in data.get("Tags", [])}
        verified = tags.get("emulated:verified") != "false"
        ses_v2._identities[data["EmailIdentity"]]["VerifiedForSendingStatus"] = verified
    return answer


ses_v2.handle_request = handle_ses
