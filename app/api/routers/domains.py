"""What a conversation can be about: the bots there are to choose from."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.dependencies import ConversationsDependency

router = APIRouter(prefix="/api", tags=["chat"])


class Domain(BaseModel):
    """One bot: the name that a new conversation asks for, the title that people read, and the zone of its clock."""

    name: str
    title: str
    timezone: str


class Domains(BaseModel):
    """All bots, and the name of the one that a conversation gets that asks for none."""

    domains: list[Domain]
    default: str


@router.get("/domains")
def list_domains(conversations: ConversationsDependency) -> Domains:
    """Return what a conversation can be begun about."""
    cards = conversations.domains
    return Domains(
        domains=[Domain(name=card.name, title=card.title, timezone=card.timezone) for card in cards],
        default=cards[0].name,
    )
