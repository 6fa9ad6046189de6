"""What belongs to one person is not there for another, by whatever route: the routes are those of the OpenAPI schema,
so that a new one is tried by itself. One whose path has a new kind of id needs a line in `People`, or this fails."""

from __future__ import annotations

from tests.integration.client import Chat
from tests.security.people import SECRET, People, filled, parameters

OPEN_TO_ALL = {"/health", "/ready", "/api/session"}


def test_every_kind_of_id_in_a_path_is_tried(people: People) -> None:
    assert set().union(*(parameters(path) for path, _, _ in people.routes())) == set(people.ids)


def test_what_is_anothers_looks_as_if_it_were_not_there(people: People) -> None:
    nowhere = dict.fromkeys(people.ids, "0" * 22) | {"candidate_id": "99999999"}
    tried = 0
    for path, method, operation in people.routes():
        if not parameters(path):
            continue
        body = people.body(operation)
        hers, none = (
            people.bert.request(method.upper(), filled(path, ids), headers={"If-Match": '"0"'}, **body)
            for ids in (people.ids, nowhere)
        )
        assert hers.status_code == 404, (method, path, hers.text)
        assert (none.status_code, none.json()["error"]["code"]) == (404, hers.json()["error"]["code"]), (method, path)
        assert SECRET not in hers.text
        tried += 1
    assert tried >= 20


def test_an_id_of_ones_own_does_not_open_what_is_anothers_beside_it(people: People) -> None:
    own = Chat(people.bert)
    for path, method, operation in people.routes():
        if {"conversation_id", "message_id"} <= parameters(path):
            mixed = filled(path, {**people.ids, "conversation_id": own.id})
            answer = people.bert.request(method.upper(), mixed, **people.body(operation))
            assert answer.status_code == 404, (method, path, answer.text)


def test_lists_hold_what_is_ones_own(people: People) -> None:
    for path, method, _ in people.routes():
        if method == "get" and not parameters(path):
            answer = people.bert.get(filled(path, {"model": "whisper-1", "number": "0"}))
            assert SECRET not in answer.text, path
            assert not [value for value in people.ids.values() if len(value) > 8 and value in answer.text], path


def test_nobody_gets_anything_without_saying_who_they_are(people: People) -> None:
    for path, method, operation in people.routes():
        if path in OPEN_TO_ALL:
            continue
        answer = people.stranger.request(
            method.upper(), filled(path, {**people.ids, "model": "whisper-1", "number": "0"}), **people.body(operation)
        )
        assert answer.status_code == 401, (method, path, answer.text)


def test_all_is_as_it_was_afterwards(people: People) -> None:
    ids = people.ids
    assert SECRET in people.anna.get(f"/api/conversations/{ids['conversation_id']}/messages").text
    assert SECRET in people.anna.get(f"/api/hotwords/lists/{ids['list_id']}").text
    assert people.anna.get(f"/api/transcribe/{ids['job_id']}").status_code == 200
    assert ids["candidate_id"] in people.anna.get("/api/hotwords/candidates").text
