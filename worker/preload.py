"""Everything that the Procfile's processes import and that reads no setting: what the nursery has ready for them."""
# ruff: noqa: F401 (to have them is the point)

import celery.apps.worker
import celery.concurrency.solo
import celery.worker.components
import celery.worker.consumer
import celery.worker.loops
import celery.worker.strategy
import kombu.transport.redis
import sqlalchemy.dialects.postgresql.psycopg

import shared.dedupe
import worker.gateway.server
import worker.intake.receive
import worker.invoicing.issue
import worker.scheduling.look
import worker.scheduling.sweep
import worker.usage.record
