"""Sign-in, refresh and sign-out, by both clients, against the service."""

import asyncio
import inspect
import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import Service
from latchkey import AsyncClient, Client, FileStorage, LatchkeyError, MemoryStorage


class Counting(httpx.HTTPTransport):
    """The real transport, which counts the paths and can lose responses."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []
        self.lose = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path)
        response = super().handle_request(request)
        if self.lose > 0:
            self.lose -= 1
            response.close()
            raise httpx.ReadError("The connection was lost.", request=request)
        return response


def make_stale(storage: MemoryStorage | FileStorage) -> None:
    session = json.loads(storage.get("session") or "")
    storage.set("session", json.dumps(session | {"expires_at": 1}))


def test_a_person_signs_in_changes_their_name_and_signs_out(service: Service, client: Client) -> None:
    phone = service.new_phone()
    challenge = client.send_code(phone=phone)
    with pytest.raises(LatchkeyError) as wrong:
        client.verify(challenge["challenge_id"], "000000")
    assert (wrong.value.code, wrong.value.attempts_left) == ("otp_incorrect", challenge["attempts_left"] - 1)

    code = service.code(phone)
    answer = client.verify(challenge["challenge_id"], f" {code[:3]}\u00a0{code[3:]}\n")
    assert answer["status"] == "signed_in" and answer["user"]["phone"] == phone
    client.request("PATCH", "/v1/me", json={"name": "Ann Lee"})
    assert client.me().get("name") == "Ann Lee"

    token = client.access_token()
    client.sign_out()
    assert not client.signed_in() and client.access_token() is None
    after = httpx.get(f"{service.url}/v1/me", headers={"authorization": f"Bearer {token}"})
    assert after.status_code == 401
    client.sign_out()


def test_a_session_in_a_file_is_refreshed_and_its_device_stays_known(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "session.json"
    with Client(service.url, storage=FileStorage(file)) as first:
        user = service.sign_in(first)["user"]
    assert file.stat().st_mode & 0o777 == 0o600

    storage = FileStorage(file)
    before, device = storage.get("session"), storage.get("device")
    make_stale(storage)
    with Client(service.url, storage=storage) as again:
        assert again.me()["id"] == user["id"]
        assert storage.get("session") != before
        again.sign_out()
    assert (storage.get("session"), storage.get("device")) == (None, device)


def test_many_threads_refresh_once(service: Service) -> None:
    transport, storage = Counting(), MemoryStorage()
    client = Client(service.url, storage=storage, http=httpx.Client(transport=transport))
    service.sign_in(client)
    make_stale(storage)
    names: list[Any] = []
    threads = [threading.Thread(target=lambda: names.append(client.me()["id"])) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 20 and transport.paths.count("/v1/auth/refresh") == 1


def test_many_tasks_refresh_once_and_a_refused_token_is_refreshed(service: Service) -> None:
    async def story() -> None:
        storage, paths = MemoryStorage(), []

        async def count(request: httpx.Request) -> None:
            paths.append(request.url.path)

        http = httpx.AsyncClient(event_hooks={"request": [count]})
        async with AsyncClient(service.url, storage=storage, http=http) as client:
            user = (await service.sign_in_async(client))["user"]
            make_stale(storage)
            users = await asyncio.gather(*(client.me() for _ in range(20)))
            assert {each["id"] for each in users} == {user["id"]}
            assert paths.count("/v1/auth/refresh") == 1

            session = json.loads(storage.get("session") or "")
            storage.set("session", json.dumps(session | {"access_token": "not.a.token"}))
            assert (await client.me())["id"] == user["id"]
            sessions = await client.request("GET", "/v1/me/sessions")
            assert (len(sessions["items"]), paths.count("/v1/auth/refresh")) == (1, 2)
            await client.sign_out(everywhere=True)
            assert storage.get("device") is None

    asyncio.run(story())


def test_lost_responses_send_no_second_text_and_lose_no_session(service: Service) -> None:
    transport, storage = Counting(), MemoryStorage()
    client = Client(service.url, storage=storage, http=httpx.Client(transport=transport))
    phone = service.new_phone()
    transport.lose = 1
    challenge = client.send_code(phone=phone)
    assert len(httpx.get(f"{service.url}/_local/messages", params={"to": phone}).json()) == 1
    client.verify(challenge["challenge_id"], service.code(phone))

    make_stale(storage)
    transport.lose = 1
    assert client.me()["phone"] == phone
    make_stale(storage)
    assert client.me()["phone"] == phone


def test_a_session_ends_only_when_the_service_says_so(service: Service, client: Client) -> None:
    storage = MemoryStorage()
    one = Client(service.url, storage=storage)
    service.sign_in(one)
    make_stale(storage)

    page = httpx.MockTransport(lambda _: httpx.Response(403, text="<h1>Blocked by the firewall</h1>"))
    blocked = Client(service.url, storage=storage, http=httpx.Client(transport=page))
    with pytest.raises(LatchkeyError) as refused:
        blocked.me()
    assert refused.value.code == "unexpected_answer" and blocked.signed_in()

    other = Client(service.url, storage=(copy := MemoryStorage()))
    copy.set("session", storage.get("session"))
    other.sign_out()
    with pytest.raises(LatchkeyError) as ended:
        one.me()
    assert ended.value.status == 401
    assert not one.signed_in()


def test_a_page_instead_of_json_is_an_unexpected_answer() -> None:
    page = httpx.MockTransport(lambda _: httpx.Response(200, html="<title>My app</title>"))
    with pytest.raises(LatchkeyError, match="Check the URL of the API") as wrong:
        Client("https://app.example.com", http=httpx.Client(transport=page)).send_code(phone="+14155550123")
    assert wrong.value.code == "unexpected_answer"


def test_a_proof_of_work_is_solved(service: Service) -> None:
    transport = Counting()
    client = Client(service.url, http=httpx.Client(transport=transport))
    for number in range(4):
        assert client.send_code(phone=f"+1650555{1200 + number}")["code_length"] == 6
    assert transport.paths.count("/v1/otp/send") > 4, "the service asked for no proof"


def test_administrators_manage_users_and_refusals_name_the_field(service: Service, admin: Client) -> None:
    phone = service.new_phone()
    made = admin.create_user(phone=phone, name="Ben")
    assert admin.user_by_phone(phone)["id"] == made["id"] == admin.user(made["id"])["id"]
    assert admin.update_user(made["id"], name=None).get("name") is None
    assert admin.set_roles(made["id"], ["User"])["roles"] == ["User"]
    assert made["id"] in [user["id"] for user in admin.users(role="User")]
    with pytest.raises(LatchkeyError) as refused:
        admin.update_user(made["id"], username="1")
    assert refused.value.field("username")
    admin.delete_user(made["id"])
    with pytest.raises(LatchkeyError) as gone:
        admin.user(made["id"])
    assert gone.value.status == 404


def test_metadata_is_merged_and_users_are_found_by_what_only_they_have(service: Service, admin: Client, client: Client) -> None:
    phone = service.new_phone()
    user_id = service.sign_in(client, phone)["user"]["id"]
    client.update_me(metadata={"theme": "dark", "size": 1})
    assert client.update_me(metadata={"size": None}, name="Ann")["metadata"] == {"theme": "dark"}
    with pytest.raises(LatchkeyError):
        client.update_me(app_metadata={"plan": "pro"})

    changed = admin.update_user(user_id, external_id="old|1", app_metadata={"plan": "pro"})
    assert (changed["app_metadata"], changed["metadata"]) == ({"plan": "pro"}, {"theme": "dark"})
    for found in (admin.users(phone=phone), admin.users(external_id="old|1")):
        assert [user["id"] for user in found] == [user_id]
    made = admin.create_user(email="kim.lee@example.com")
    assert [user["id"] for user in admin.users(email="kim.lee@example.com")] == [made["id"]]
    assert list(admin.users(external_id="old|2")) == []
    assert client.me().get("external_id") == "old|1"


def imported(number: int) -> dict[str, Any]:
    return {"external_id": f"old-{number}", "email": f"user{number}@example.com", "email_verified": True}


def test_users_of_another_service_are_imported(service: Service, admin: Client) -> None:
    transport = Counting()
    client = Client(service.url, storage=admin._core.storage, http=httpx.Client(transport=transport))
    # The last one has the address of the first one.
    records = [imported(number) for number in range(59)] + [imported(0) | {"external_id": "old-59"}]
    results = client.import_users(iter(records))
    assert [result["status"] for result in results] == ["created"] * 59 + ["refused"]
    assert [result.get("external_id") for result in results] == [record["external_id"] for record in records]
    assert "email" in str(results[-1].get("reason")) and results[-1].get("id") is None
    assert next(admin.users(external_id="old-58"))["id"] == results[58].get("id")
    assert transport.paths.count("/v1/users/import") == 3

    # The same records change nothing, so a lost response does no harm.
    transport.lose = 1
    again = client.import_users(records)
    assert [result.get("id") for result in again] == [result.get("id") for result in results]
    assert {result["status"] for result in again[:-1]} == {"unchanged"}
    assert client.import_users([]) == []


def test_a_request_that_is_too_large_is_halved(service: Service, admin: Client) -> None:
    transport = Counting()
    client = Client(service.url, storage=admin._core.storage, http=httpx.Client(transport=transport))
    note = "x" * 30_000
    long = [imported(number) | {"metadata": {"one": note, "two": note}} for number in range(100, 125)]
    results = client.import_users(long)
    assert [result["status"] for result in results] == ["refused"] * 25
    assert transport.paths.count("/v1/users/import") == 3
    (refused,) = client.import_users([imported(1) | {"surname": "Lee"}])
    assert (refused["status"], refused.get("reason")) == ("refused", "surname: unknown field.")


def test_both_clients_import(service: Service, admin: Client) -> None:
    async def story() -> None:
        async with AsyncClient(service.url, storage=admin._core.storage) as client:
            results = await client.import_users(imported(number) for number in range(200, 230))
            assert [result["status"] for result in results] == ["created"] * 30
            found = [user["id"] async for user in client.users(external_id="old-229")]
            assert found == [results[-1].get("id")]

    asyncio.run(story())


def test_a_confidential_app_signs_in_and_asks_about_its_tokens(service: Service, admin: Client) -> None:
    app = {"client_id": "office", "name": "Office", "type": "confidential"}
    secret = admin.request("POST", "/v1/apps", json=app)["client_secret"]
    with Client(service.url, client_id="office", client_secret=secret, client_ip="198.51.100.7") as office:
        token = service.sign_in(office)["access_token"]
        assert office.introspect(token)["active"] is True
        office.sign_out()
        assert office.introspect(token)["active"] is False


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        public = inspect.getmembers(kind, lambda member: inspect.isfunction(member))
        names = {"aclose": "close"}
        return {
            names.get(name, name): list(inspect.signature(function).parameters)
            for name, function in public
            if not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)
