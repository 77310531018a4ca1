"""Starts the service once: what `cargo run` starts, or the program in SERVICE."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from latchkey import AsyncClient, Client, SignedIn

ROOT = Path(__file__).resolve().parents[3]
ADMIN = "+14155550199"


class Service:
    """A service without data, whose texts the tests read."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._phones = 0

    def new_phone(self) -> str:
        # Not neighbours: for these, the service asks for a proof of work.
        self._phones += 1
        return f"+1415555{self._phones * 137 % 9000 + 1000}"

    def code(self, phone: str) -> str:
        texts = httpx.get(f"{self.url}/_local/messages", params={"to": phone}).json()
        return str(re.findall(r"\d{6}", texts[-1]["body"])[0])

    def sign_in(self, client: Client, phone: str | None = None) -> SignedIn:
        phone = phone or self.new_phone()
        answer = client.verify(client.send_code(phone=phone)["challenge_id"], self.code(phone))
        assert answer["status"] == "signed_in"
        return answer

    async def sign_in_async(self, client: AsyncClient) -> SignedIn:
        phone = self.new_phone()
        challenge = await client.send_code(phone=phone)
        answer = await client.verify(challenge["challenge_id"], self.code(phone))
        assert answer["status"] == "signed_in"
        return answer


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    program = os.environ.get("SERVICE")
    command = [program] if program else ["cargo", "run", "--locked", "--quiet", "--"]
    # Neighbouring numbers have to solve a proof of work.
    settings = {"ADMIN_PHONE": ADMIN, "FRAUD_MODE": "challenge", "FRAUD_SEQUENTIAL_NUMBERS": "2", "RUST_LOG": "error"}
    process = subprocess.Popen(
        [*command, "--in-memory", "--port", str(port)], cwd=ROOT, env=os.environ | settings, stdout=subprocess.DEVNULL
    )
    try:
        found = Service(f"http://localhost:{port}")
        for _ in range(1800):
            assert process.poll() is None, "the service did not start"
            try:
                httpx.get(f"{found.url}/health").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield found
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.url) as made:
        yield made


@pytest.fixture(scope="session")
def admin(service: Service) -> Iterator[Client]:
    with Client(service.url) as made:
        service.sign_in(made, ADMIN)
        yield made
