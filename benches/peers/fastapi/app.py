"""Phone sign-in as it is usually written for Lambda in Python: FastAPI on Mangum, boto3, PyJWT.

Its requests, responses, limits, table and texts are those of Latchkey. So are its promises: codes
and tokens are stored as hashes, a try is counted before it is compared, and a refresh token can be
used once.
"""

import hashlib
import hmac
import os
import secrets
import time
import uuid

import boto3
import jwt
import phonenumbers
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import FastAPI, Header, HTTPException, Request
from mangum import Mangum
from pydantic import BaseModel

ISSUER = "https://id.example.com"
PEPPER = b"a secret of the deployment, which a real one would read"
CODE_SECONDS, ACCESS_SECONDS, REFRESH_SECONDS = 300, 900, 14 * 24 * 3600
MAX_ATTEMPTS, SENDS_PER_ADDRESS, SENDS_PER_PHONE = 5, 1000, 1000

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
sns = boto3.client("sns")
ALGORITHM = os.environ["JWT_ALGORITHM"]
# A deployment reads its key. Making one takes longer, so it is kept in a file.
KEY_FILE = f"{os.environ['SIGNING_KEY_FILE']}.{ALGORITHM}"
app = FastAPI(title="Phone sign-in")


def signing_key():
    try:
        with open(KEY_FILE, "rb") as file:
            return serialization.load_pem_private_key(file.read(), None)
    except FileNotFoundError:
        if ALGORITHM == "ES256":
            key = ec.generate_private_key(ec.SECP256R1())
        else:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        with open(KEY_FILE, "wb") as file:
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )
        return key


KEY = signing_key()
PUBLIC_KEY = KEY.public_key()


class SendOtpRequest(BaseModel, extra="forbid"):
    phone: str


class SendOtpAnswer(BaseModel):
    challenge_id: str
    channel: str
    expires_in: int
    attempts_left: int


class VerifyOtpRequest(BaseModel, extra="forbid"):
    challenge_id: uuid.UUID
    code: str


class RefreshRequest(BaseModel, extra="forbid"):
    refresh_token: str


class Tokens(BaseModel):
    access_token: str
    refresh_token: str
    token_type: str = "Bearer"
    expires_in: int = ACCESS_SECONDS


class User(BaseModel):
    id: str
    phone: str
    created_at: int
    status: str


def hashed(*parts):
    return hmac.new(PEPPER, ":".join(parts).encode(), hashlib.sha256).hexdigest()


def canonical(phone):
    try:
        number = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException as error:
        raise HTTPException(400, "invalid_phone") from error
    if not phonenumbers.is_valid_number(number):
        raise HTTPException(400, "invalid_phone")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def count(partition, limit, now, seconds):
    """Adds one to a count, or refuses the request if its limit is reached."""
    try:
        table.update_item(
            Key={"pk": partition, "sk": f"COUNT#{now // seconds}"},
            UpdateExpression="ADD sends :one SET expires_at = :end",
            ConditionExpression=Attr("sends").not_exists() | Attr("sends").lt(limit),
            ExpressionAttributeValues={":one": 1, ":end": now + seconds},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException as error:
        raise HTTPException(429, "sms_limit_reached") from error


@app.post("/v1/otp/send", status_code=202)
def send(body: SendOtpRequest, request: Request) -> SendOtpAnswer:
    now, phone = int(time.time()), canonical(body.phone)
    count(f"PEER-ADDRESS#{hashed(request.client.host)}", SENDS_PER_ADDRESS, now, 3600)
    count(f"PEER-PHONE#{hashed(phone)}", SENDS_PER_PHONE, now, 86400)
    challenge_id, code = str(uuid.uuid4()), f"{secrets.randbelow(1_000_000):06}"
    table.put_item(
        Item={
            "pk": f"PEER-CHALLENGE#{challenge_id}",
            "sk": "CHALLENGE",
            "phone": phone,
            "code_hash": hashed(challenge_id, code),
            "attempts": 0,
            "expires_at": now + CODE_SECONDS,
        }
    )
    sns.publish(PhoneNumber=phone, Message=f"{code} is your Latchkey code. It is good for 5 minutes.")
    return SendOtpAnswer(
        challenge_id=challenge_id, channel="sms", expires_in=CODE_SECONDS, attempts_left=MAX_ATTEMPTS
    )


@app.post("/v1/otp/verify")
def verify(body: VerifyOtpRequest) -> Tokens:
    now, challenge_id = int(time.time()), str(body.challenge_id)
    guess = hashed(challenge_id, body.code)
    try:
        challenge = table.update_item(
            Key={"pk": f"PEER-CHALLENGE#{challenge_id}", "sk": "CHALLENGE"},
            UpdateExpression="ADD attempts :one SET guess = :guess",
            ConditionExpression=Attr("expires_at").gt(now)
            & Attr("attempts").lt(MAX_ATTEMPTS)
            & (Attr("guess").not_exists() | Attr("guess").ne(Attr("code_hash"))),
            ExpressionAttributeValues={":one": 1, ":guess": guess},
            ReturnValues="ALL_NEW",
        )["Attributes"]
    except ClientError as error:
        raise HTTPException(400, "otp_expired") from error
    if not hmac.compare_digest(challenge["code_hash"], guess):
        raise HTTPException(400, "otp_incorrect")
    owner = {"pk": f"PEER-PHONE#{hashed(challenge['phone'])}", "sk": "OWNER"}
    found = table.get_item(Key=owner, ConsistentRead=True).get("Item")
    user_id = found["user_id"] if found else create_user(owner, challenge["phone"], now)
    session_id, secret = str(uuid.uuid4()), secrets.token_urlsafe(32)
    table.put_item(
        Item={
            "pk": f"PEER-USER#{user_id}",
            "sk": f"SESSION#{session_id}",
            "token_hash": hashed("refresh", secret),
            "expires_at": now + REFRESH_SECONDS,
        }
    )
    return tokens(user_id, session_id, secret, now)


def create_user(owner, phone, now):
    user_id = str(uuid.uuid4())
    user = {"pk": f"PEER-USER#{user_id}", "sk": "USER", "phone": phone, "created_at": now, "user_status": "active"}
    table.put_item(Item=owner | {"user_id": user_id}, ConditionExpression=Attr("pk").not_exists())
    table.put_item(Item=user)
    return user_id


@app.post("/v1/auth/refresh")
def refresh(body: RefreshRequest) -> Tokens:
    now = int(time.time())
    user_id, session_id, old = body.refresh_token.split(".")
    secret = secrets.token_urlsafe(32)
    user_of(user_id)
    try:
        table.update_item(
            Key={"pk": f"PEER-USER#{user_id}", "sk": f"SESSION#{session_id}"},
            UpdateExpression="SET token_hash = :new, expires_at = :end",
            ConditionExpression=Attr("token_hash").eq(hashed("refresh", old)) & Attr("expires_at").gt(now),
            ExpressionAttributeValues={":new": hashed("refresh", secret), ":end": now + REFRESH_SECONDS},
        )
    except ClientError as error:
        raise HTTPException(401, "token_invalid") from error
    return tokens(user_id, session_id, secret, now)


@app.get("/v1/me")
def me(authorization: str = Header()) -> User:
    try:
        claims = jwt.decode(
            authorization.removeprefix("Bearer "), PUBLIC_KEY, algorithms=[ALGORITHM], audience="default", issuer=ISSUER
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "token_invalid") from error
    return user_of(claims["sub"])


def user_of(user_id):
    item = table.get_item(Key={"pk": f"PEER-USER#{user_id}", "sk": "USER"}, ConsistentRead=True).get("Item")
    if not item or item["user_status"] != "active":
        raise HTTPException(401, "token_invalid")
    return User(id=user_id, phone=item["phone"], created_at=int(item["created_at"]), status=item["user_status"])


def tokens(user_id, session_id, secret, now):
    claims = {
        "iss": ISSUER,
        "sub": user_id,
        "aud": "default",
        "iat": now,
        "exp": now + ACCESS_SECONDS,
        "jti": str(uuid.uuid4()),
        "sid": session_id,
        "roles": ["User"],
    }
    access = jwt.encode(claims, KEY, algorithm=ALGORITHM, headers={"kid": "peer", "typ": "at+jwt"})
    return Tokens(access_token=access, refresh_token=f"{user_id}.{session_id}.{secret}")


handler = Mangum(app, lifespan="off")
