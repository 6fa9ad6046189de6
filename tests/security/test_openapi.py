"""Requests made up from the OpenAPI schema, fitting and unfitting: every answer is one it names, and none is a 500."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.security.people import People

EXAMPLES = 3  # of each kind, for each operation
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def operations(people: People, mode: GenerationMode) -> Iterator[APIOperation]:
    """All that the API can do, and can be asked for in that way; what deletes comes last, then what deletes all."""
    schema = schemathesis.openapi.from_dict(people.schema)
    found = [result.ok() for result in schema.get_all_operations()]
    for operation in sorted(found, key=lambda operation: (operation.method == "delete", operation.path == "/api/me")):
        # Any text is a path: what does not fit is in a body, a query or a header.
        if mode is GenerationMode.POSITIVE or operation.body or operation.query or operation.headers:
            yield operation


def try_out(operation: APIOperation, mode: GenerationMode, people: People) -> list[str]:
    """Send made-up requests, those that fit with ids that there are; return what was wrong with the answers."""
    wrong: list[str] = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Case) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters.update({name: people.ids[name] for name in case.path_parameters if name in people.ids})
        try:
            answer = case.call(base_url=str(people.anna.base_url), headers=dict(people.anna.headers), timeout=30)
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as failures:
            wrong.extend(f"{operation.label}: {failure}" for failure in failures.exceptions)

    send()
    return wrong


@pytest.mark.parametrize("mode", list(GenerationMode)[::-1])  # what fits deletes
def test_every_answer_is_one_that_the_schema_names(people: People, mode: GenerationMode) -> None:
    people.anna.post(f"/api/lm/jobs/{people.ids['training_id']}/cancel")  # who follows it would wait for its end
    wrong = [problem for operation in operations(people, mode) for problem in try_out(operation, mode, people)]
    assert not wrong, "\n\n".join(dict.fromkeys(wrong))
