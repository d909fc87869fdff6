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

import trueup.dedupe
import trueup_worker.gateway.server
import trueup_worker.intake.receive
import trueup_worker.invoicing.issue
import trueup_worker.scheduling.look
import trueup_worker.scheduling.sweep
import trueup_worker.usage.record
