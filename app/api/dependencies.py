"""What routes ask for as parameters, one alias for each: the services, who is asking, in which language to answer.

Every record has an owner; for anybody else it does not exist.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import HTTPConnection

from app.access.authentication import Access
from app.access.limits import Limits
from app.access.person import Person
from app.api import errors
from app.chat.conversation import Conversations
from app.chat.history import History
from app.language_models.service import LanguageModels
from app.monitoring.metrics import Metrics
from app.recognition.files import Transcriber
from app.recognition.live import LiveSessions
from app.recognition.running_model import RunningModel
from app.services import Services
from app.settings import Settings
from app.storage.personal_data import PersonalData
from app.transcriptions.service import Transcriptions


async def services_of(connection: HTTPConnection) -> Services:
    """Return the services of the app that is asked."""
    return Services.of(connection.app)


async def current_person(connection: HTTPConnection) -> Person:
    """Return who is asking, as the gate found; for requests and for sockets alike."""
    person: Person = connection.scope["person"]
    return person


ServicesDependency = Annotated[Services, Depends(services_of)]
PersonDependency = Annotated[Person, Depends(current_person)]
LanguageDependency = Annotated[str, Depends(errors.language)]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=64)]


async def _settings(services: ServicesDependency) -> Settings:
    return services.settings


async def _limits(services: ServicesDependency) -> Limits:
    return services.limits


async def _metrics(services: ServicesDependency) -> Metrics:
    return services.metrics


async def _model(services: ServicesDependency) -> RunningModel:
    return services.model


async def _access(services: ServicesDependency) -> Access:
    return services.access


async def _personal_data(services: ServicesDependency) -> PersonalData:
    return services.personal


async def _conversations(services: ServicesDependency) -> Conversations:
    return services.conversations


async def _history(services: ServicesDependency) -> History:
    return services.history


async def _live_sessions(services: ServicesDependency) -> LiveSessions:
    return services.live


async def _transcriber(services: ServicesDependency) -> Transcriber:
    return services.transcriber


async def _transcriptions(services: ServicesDependency) -> Transcriptions:
    return services.transcriptions


async def _language_models(services: ServicesDependency) -> LanguageModels:
    return services.language_models


SettingsDependency = Annotated[Settings, Depends(_settings)]
LimitsDependency = Annotated[Limits, Depends(_limits)]
MetricsDependency = Annotated[Metrics, Depends(_metrics)]
ModelDependency = Annotated[RunningModel, Depends(_model)]
AccessDependency = Annotated[Access, Depends(_access)]
PersonalDataDependency = Annotated[PersonalData, Depends(_personal_data)]
ConversationsDependency = Annotated[Conversations, Depends(_conversations)]
HistoryDependency = Annotated[History, Depends(_history)]
LiveSessionsDependency = Annotated[LiveSessions, Depends(_live_sessions)]
TranscriberDependency = Annotated[Transcriber, Depends(_transcriber)]
TranscriptionsDependency = Annotated[Transcriptions, Depends(_transcriptions)]
LanguageModelsDependency = Annotated[LanguageModels, Depends(_language_models)]
