"""Alembic's entry: migrate over the connection that ``storage.upgrade`` opened."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=False)
context.run_migrations()
