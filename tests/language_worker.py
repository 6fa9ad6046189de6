"""A worker of trainings in a process of its own, with scripted steps: python language_worker.py DATA MODEL [BROKER]."""

from __future__ import annotations

import sys
from pathlib import Path

from app.language_models.broker import work_when_woken
from app.language_models.service import open_workplace
from app.language_models.worker import work_until_told
from app.settings import Settings
from app.storage.database import open_database
from tests.integration.trainings import scripted

data, model, broker = sys.argv[1:]
settings = Settings(data_dir=Path(data), lm_jobs_at_once=4, lm_lease_seconds=2.0)
place = open_workplace(settings, open_database(settings.data_dir), scripted(Path(model)))
if broker:
    work_when_woken(broker, place, 2)
else:
    work_until_told(place, 1)
