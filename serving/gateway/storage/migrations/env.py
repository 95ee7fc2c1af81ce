"""What Alembic runs to migrate: on the connection that `schema_version` gives it, in one transaction."""

from __future__ import annotations

from alembic import context

from serving.gateway.storage.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
