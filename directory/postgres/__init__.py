"""The database where no DATABASE_URL is given: a Django engine (base) on an embedded PostgreSQL (server)."""
