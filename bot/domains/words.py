"""The words of the language that reading values needs, kept in the domain's YAML: bot/domains/common.yaml has them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Words(BaseModel):
    """Word lists that a domain may replace one by one under `words:`.

    `surnames` come most frequent first, which decides between homophones. `spelled_out` maps how a surname is
    described to it (弓长 is 张), `rare_surnames` are not put right by their sound. `no_names` are
    words that begin with a surname and yet are none, `not_in_names` stand in no name, `transcribing` are characters of
    names from other languages. `nobody` are answers that name no person, `name_prefixes` what stands before a name,
    `relatives` whose name may be given, `titles` what follows a surname instead of a name.
    `negations`, with one of `negated_verbs` or without, say that the value after them is not meant; `corrections`
    that what was said before was wrong.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    surnames: str = Field(min_length=1)
    compound_surnames: list[str]
    spelled_out: dict[str, str]
    nobody: list[str]
    no_names: list[str]
    not_in_names: list[str] = Field(min_length=1)
    rare_surnames: str
    transcribing: str
    relatives: list[str] = Field(min_length=1)
    titles: list[str] = Field(min_length=1)
    name_prefixes: list[str]
    negations: list[str] = Field(min_length=1)
    negated_verbs: str
    corrections: list[str] = Field(min_length=1)
