"""Who gets in: by password, key, proxy or as a visitor; and who does not."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app.__main__ import commands
from app.access.authentication import require_safe_start
from app.access.credentials import ApiKeys, LoginSessions
from app.access.login_tries import FREE_TRIES
from app.errors import ExposedWithoutLogin
from app.factory import build
from app.settings import Settings
from app.storage.database import open_database
from tests.integration.client import Chat, GatedRecognizer, InstantRecognizer, Serve, wav

PASSWORD = "一二三四五六七八"
# A hash that takes no time: how long a real one takes is not what these tests are about.
SALT = b"salt of tests"
HASH = "scrypt$16$8$1$" + "$".join(
    base64.b64encode(part).decode() for part in (SALT, hashlib.scrypt(PASSWORD.encode(), salt=SALT, n=16, r=8, p=1))
)
USERS = f"anna:{HASH},bert:{HASH}"
PAGE = {"Accept": "text/html,*/*"}

Start = Callable[..., httpx.Client]


@pytest.fixture
def start(settings: Settings, serve: Serve) -> Start:
    """Start the app with other settings."""

    def start_with(**changed: object) -> httpx.Client:
        changed = {"users": USERS, **changed}
        return serve(build(settings.model_copy(update=changed), recognizer=InstantRecognizer(), page=None))

    return start_with


def log_in(client: httpx.Client, name: str = "anna", password: str = PASSWORD, **headers: str) -> httpx.Response:
    return client.post("/api/session", json={"name": name, "password": password}, headers=headers)


def command(settings: Settings, *arguments: str) -> str:
    environment = {"TINGSHUO_DATA_DIR": str(settings.data_dir)}
    result = CliRunner().invoke(commands, arguments, env=environment)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_without_a_login_there_is_only_the_page_to_log_in_on(start: Start) -> None:
    client = start()
    for path in ("/api/config", "/api/openapi.json", "/api/nothing", "/gradio_config"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "login_required"), path
        assert answer.headers["www-authenticate"] == "Bearer"
    assert client.post("/api/conversations").status_code == 401
    asked = client.get("/?lang=en", headers=PAGE)
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=%2F%3Flang%3Den")
    assert client.get("/login").headers["content-type"].startswith("text/html")
    assert [client.get(path).status_code for path in ("/health", "/ready", "/ui/css/login.css")] == [200] * 3
    assert client.get("/api/session").json() == {"person": "", "scopes": [], "mode": "login", "can_log_out": False}


def test_a_person_logs_in_chats_and_logs_out(start: Start) -> None:
    client = start()
    assert log_in(client).status_code == 204
    assert Chat(client).write("你好")[-1]["role"] == "bot"
    session = client.get("/api/session").json()
    assert (session["person"], session["can_log_out"]) == ("anna", True)
    kept = dict(client.cookies)
    assert client.delete("/api/session").status_code == 204
    client.cookies.update(kept)  # a copy that somebody took is worth nothing any more
    assert client.get("/api/config").status_code == 401


def test_the_cookie_of_a_session_is_kept_from_scripts_and_other_sites(start: Start) -> None:
    cookie = log_in(start()).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    behind_https = start(trusted_proxies=frozenset({"127.0.0.1"}))
    cookie = log_in(behind_https, **{"X-Forwarded-Proto": "https"}).headers["set-cookie"].lower()
    assert "secure" in cookie


def test_wrong_names_and_passwords_get_the_same_answer_and_then_a_pause(start: Start) -> None:
    client = start()
    answers = [log_in(client, name, "wrong") for name in ("anna", "nobody", "")]
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {(401, "login_failed")}
    assert len({answer.json()["error"]["message"] for answer in answers}) == 1
    for _ in range(FREE_TRIES - 1):
        log_in(client, "anna", "wrong")
    refused = log_in(client)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
    assert int(refused.headers["retry-after"]) > 0


def test_a_hundred_wrong_passwords_at_once_are_not_a_hundred_tries(start: Start) -> None:
    client = start()
    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(lambda _: log_in(client, "anna", "wrong").status_code, range(80)))
    assert (answers.count(401), answers.count(429)) == (FREE_TRIES, 80 - FREE_TRIES)


def test_others_with_wrong_passwords_do_not_lock_the_owner_out(start: Start) -> None:
    client = start(trusted_proxies=frozenset({"127.0.0.1"}))
    for number in range(40):
        log_in(client, "anna", "wrong", **{"X-Forwarded-For": f"203.0.113.{number}"})
    assert log_in(client, **{"X-Forwarded-For": "198.51.100.1"}).status_code == 204


def test_a_session_ends_with_its_time_and_with_its_user(settings: Settings, start: Start) -> None:
    client = start()
    log_in(client)
    token = client.cookies["tingshuo_session"]
    again = start(users=f"bert:{HASH}")
    again.cookies.set("tingshuo_session", token)
    assert again.get("/api/config").status_code == 401
    sessions = LoginSessions(open_database(settings.data_dir), timedelta(hours=1))
    now = datetime.now(UTC)
    short = sessions.begin("anna", now)
    assert sessions.person(short, now + timedelta(minutes=59)) == "anna"
    assert sessions.person(short, now + timedelta(minutes=61)) is None


def test_a_key_works_until_it_is_revoked(settings: Settings, start: Start) -> None:
    client = start()
    key = command(settings, "keys", "add", "recorder", "--person", "anna")
    assert command(settings, "keys", "list").split("\t")[1:] == [
        "recorder", "anna", "chat,hotwords,transcribe", "active", "never used",
    ]  # fmt: skip
    client.headers["Authorization"] = f"Bearer {key}"
    chat = Chat(client)
    assert client.get("/api/session").json()["person"] == "anna"
    command(settings, "keys", "revoke", key.split("-")[1])
    assert client.get(chat.path).status_code == 401
    assert "revoked" in command(settings, "keys", "list")


def test_a_key_and_a_login_of_the_same_person_see_the_same(settings: Settings, start: Start) -> None:
    client = start()
    log_in(client)
    chat = Chat(client)
    key = command(settings, "keys", "add", "recorder", "--person", "anna")
    other = httpx.Client(base_url=client.base_url, headers={"Authorization": f"bearer {key}"})
    assert other.get(chat.path).json()["messages"] == chat.greeting


def test_a_key_does_what_its_scopes_say(settings: Settings, start: Start) -> None:
    client = start()
    key = command(settings, "keys", "add", "reader", "--scope", "transcribe")
    answer = client.post("/api/conversations", headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing")


def test_who_chats_may_correct_what_was_heard_but_not_the_hotwords(settings: Settings, start: Start) -> None:
    client = start()
    key = command(settings, "keys", "add", "chatter", "--scope", "chat")
    headers = {"Authorization": f"Bearer {key}"}
    path = f"/api/conversations/{client.post('/api/conversations', headers=headers).json()['id']}/messages"
    answer = client.post(f"{path}/unknown/correction", json={"text": "我要挂号"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "message_unknown")
    assert client.get("/api/hotwords/candidates", headers=headers).status_code == 403


@pytest.mark.parametrize("key", ["nonsense", "ts-00000000-" + "a" * 43, "ts-é", "a" * 5000])
def test_a_wrong_key_is_refused_where_there_are_right_ones(settings: Settings, start: Start, key: str) -> None:
    client = start(users="")
    headers = {"Authorization": f"Bearer {key}".encode()}
    assert client.get("/api/config", headers=headers).status_code == 200  # type: ignore[arg-type]
    command(settings, "keys", "add", "recorder")
    assert client.get("/api/config", headers=headers).status_code == 401  # type: ignore[arg-type]


def test_no_secret_lies_in_the_database(settings: Settings, start: Start) -> None:
    client = start()
    log_in(client)
    key = command(settings, "keys", "add", "recorder")
    client.get("/api/config", headers={"Authorization": f"Bearer {key}"})
    stored = b"".join(path.read_bytes() for path in settings.data_dir.glob("tingshuo.db*"))
    assert b"recorder" in stored
    _, _, secret = key.split("-", 2)  # which may hold more of them
    assert secret.encode() not in stored
    assert client.cookies["tingshuo_session"].encode() not in stored


def test_a_proxy_that_is_trusted_says_who_it_is(start: Start) -> None:
    behind = {"users": "", "user_header": "Remote-User"}
    client = start(**behind, trusted_proxies=frozenset({"127.0.0.1"}))
    assert client.get("/api/session", headers={"Remote-User": "anna"}).json()["person"] == "anna"
    assert client.get("/api/config").status_code == 401
    alone = start(**behind, trusted_proxies=frozenset({"10.0.0.0/8"}))
    assert alone.get("/api/config", headers={"Remote-User": "anna"}).status_code == 401


def test_every_visitor_of_an_open_app_is_a_person_of_their_own(start: Start) -> None:
    client = start(users="", open=True)
    chat = Chat(client)
    assert chat.messages() == chat.greeting
    stranger = httpx.Client(base_url=client.base_url)
    assert stranger.get(chat.path).status_code == 404
    cookie = stranger.get("/api/config").headers["set-cookie"].lower() if not stranger.cookies else ""
    assert not cookie
    assert stranger.get("/api/session").json() == {
        "person": "", "scopes": ["chat", "hotwords", "transcribe"], "mode": "visitors", "can_log_out": False,
    }  # fmt: skip


def test_a_visitor_inside_the_frame_of_another_site_is_known_again(start: Start) -> None:
    client = start(users="", open=True, frame_ancestors="'self' https://huggingface.co")
    cookie = client.get("/api/config").headers["set-cookie"].lower()
    assert "samesite=none" in cookie
    assert "secure" in cookie
    assert "partitioned" in cookie


def test_a_chosen_visitor_cookie_is_replaced(start: Start) -> None:
    client = start(users="", open=True)
    client.cookies.set("tingshuo_visitor", "anna")
    answer = client.get("/api/config")
    assert "tingshuo_visitor=" in answer.headers["set-cookie"]


def test_an_app_for_one_machine_answers_to_its_own_names_only(start: Start) -> None:
    client = start(users="")
    for host, status in (("localhost:1", 200), ("[::1]:1", 200), ("evil.example", 403), ("", 403)):
        answer = client.get("/api/config", headers={"Host": host})
        assert answer.status_code == status, host
    friendly = start(users="", allowed_hosts=frozenset({"tingshuo.lan"}))
    assert friendly.get("/api/config", headers={"Host": "TINGSHUO.lan:7860"}).status_code == 200


def test_other_machines_are_not_let_in_unless_somebody_said_so(settings: Settings) -> None:
    exposed = settings.model_copy(update={"host": "0.0.0.0"})
    with pytest.raises(ExposedWithoutLogin, match=r"TINGSHUO_USERS.*keys add.*TINGSHUO_OPEN=1"):
        require_safe_start(exposed)
    for change in ({"users": USERS}, {"open": True}, {"host": "127.0.0.1"}, {"user_header": "Remote-User"}):
        require_safe_start(exposed.model_copy(update=change))
    ApiKeys(open_database(settings.data_dir)).add("recorder", "recorder", {"chat"}, datetime.now(UTC))
    require_safe_start(exposed)


def test_limits_are_told_with_the_time_to_wait(start: Start) -> None:
    client = start(users="", open=True, requests_per_minute=3)
    for _ in range(3):
        assert client.get("/api/config").status_code == 200
    refused = client.get("/api/config", headers={"Accept-Language": "en"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["retry-after"] in refused.json()["error"]["message"]
    assert client.get("/ui/css/login.css").status_code == 200


def test_audio_beyond_the_limit_is_refused_before_it_is_sent(start: Start) -> None:
    client = start(users="", open=True, audio_seconds_per_hour=0.6)
    chat = Chat(client)
    assert chat.say(wav(0.7))[-1]["role"] == "bot"
    refused = client.post(chat.path, files={"audio": ("a.wav", wav(0.7))})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_much_audio")
    file = client.post("/v1/audio/transcriptions", files={"file": ("a.wav", wav(0.7))}, data={"model": "whisper-1"})
    assert file.status_code == 429
    assert chat.write("你好")[-1]["role"] == "bot"


def test_the_audio_of_files_counts_as_that_of_messages_does(start: Start) -> None:
    client = start(users="", open=True, audio_seconds_per_hour=0.6)
    sent = {"files": {"file": ("a.wav", wav(0.7))}, "data": {"model": "whisper-1"}}
    assert client.post("/v1/audio/transcriptions", **sent).status_code == 200
    assert client.post("/v1/audio/transcriptions", **sent).status_code == 429


def test_only_so_many_streams_are_open_at_the_same_time(settings: Settings, serve: Serve) -> None:
    recognizer = GatedRecognizer()
    few = settings.model_copy(update={"open": True, "max_streams": 2})
    chat = Chat(serve(build(few, recognizer=recognizer, page=None)))
    followed = []  # an iterator that is let go of closes its stream
    with ExitStack() as held:
        for _ in range(2):
            upload = {"files": {"audio": ("a.wav", wav())}}
            followed.append(held.enter_context(chat.client.stream("POST", chat.path, **upload)).iter_lines())
            next(followed[-1])
        refused = chat.client.post(chat.path, json={"text": "你好"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_streams")
        recognizer.gate.set()
    assert chat.messages()


def test_ones_own_machine_has_no_limits(start: Start) -> None:
    client = start(users="", requests_per_minute=1)
    assert [client.get("/api/config").status_code for _ in range(5)] == [200] * 5


def test_a_password_becomes_a_line_for_the_settings(tmp_path: Path) -> None:
    result = CliRunner().invoke(commands, ["password", "anna"], input=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    line = result.stdout.strip().splitlines()[-1]
    assert line.startswith("anna:scrypt$")
    assert PASSWORD not in line
    assert CliRunner().invoke(commands, ["password", "anna"], input="short\nshort\n").exit_code != 0
    assert CliRunner().invoke(commands, ["password", "an:na"]).exit_code != 0


def test_secrets_of_the_settings_are_not_shown(settings: Settings) -> None:
    assert HASH not in repr(settings.model_copy(update={"users": USERS}))
    assert json.dumps(HASH) not in str(settings)
