"""A FastAPI service whose callers sign in with Latchkey.

It holds no secret: it verifies tokens with the public key set.

    pip install fastapi uvicorn "pyjwt[crypto]"
    ISSUER=http://localhost:4400 CLIENT_ID=shop uvicorn main:app --port 8000
"""

import os
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer

ISSUER = os.environ["ISSUER"]
CLIENT_ID = os.environ["CLIENT_ID"]

app = FastAPI(swagger_ui_init_oauth={"clientId": CLIENT_ID})
bearer = OAuth2PasswordBearer(tokenUrl=f"{ISSUER}/oauth2/token", refreshUrl=f"{ISSUER}/oauth2/token")
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json")


def claims(token: Annotated[str, Depends(bearer)]) -> dict:
    try:
        key = keys.get_signing_key_from_jwt(token)
        # Without leeway, a clock that is a second behind the issuer's refuses fresh tokens.
        return jwt.decode(token, key, algorithms=["RS256"], audience=CLIENT_ID, issuer=ISSUER, leeway=5)
    except jwt.PyJWTError as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": 'Bearer error="invalid_token"'}) from error


def permitted(permission: str):
    def check(caller: Annotated[dict, Depends(claims)]) -> dict:
        if permission not in caller.get("scope", "").split():
            raise HTTPException(403, f"This needs the permission {permission}.")
        return caller

    return Depends(check)


# Not `async`, since it waits for the network whenever the keys are fetched.
@app.get("/orders")
def orders(caller: Annotated[dict, Depends(claims)]):
    return {"orders_of": caller["sub"], "roles": caller["roles"]}


@app.post("/orders")
def create_order(caller: Annotated[dict, permitted("orders:write")]):
    return {"created_by": caller["sub"]}
