"""Solves the proof of work that the service asks for if a request shows signs of fraud (ALTCHA, version 2)."""

import base64
import hashlib
import json
import time
from typing import Any


def solve(challenge: dict[str, Any]) -> str:
    """Returns what the service expects as `proof`. This takes from a moment to some seconds."""
    parameters = challenge["parameters"]
    if parameters["algorithm"] != "PBKDF2/SHA-256":
        raise ValueError(f"This client cannot solve {parameters['algorithm']}. Update it.")
    began = time.perf_counter()
    nonce, salt = bytes.fromhex(parameters["nonce"]), bytes.fromhex(parameters["salt"])
    for counter in range(2**32):
        password = nonce + counter.to_bytes(4, "big")
        key = hashlib.pbkdf2_hmac("sha256", password, salt, parameters["cost"], parameters["keyLength"]).hex()
        if key.startswith(parameters["keyPrefix"]):
            milliseconds = (time.perf_counter() - began) * 1000
            solution = {"counter": counter, "derivedKey": key, "time": milliseconds}
            return base64.b64encode(json.dumps({"challenge": challenge, "solution": solution}).encode()).decode()
    raise ValueError("The proof of work has no solution.")
