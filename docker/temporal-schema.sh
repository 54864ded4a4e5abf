#!/bin/sh
# Makes or updates Temporal's two schemas in its own PostgreSQL. Harmless to repeat: what is there is left alone.
set -eu
export SQL_PLUGIN=postgres12
schema=/etc/temporal/schema/postgresql/v12
for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*} kind=${pair##*:}
  temporal-sql-tool --db "$database" create
  temporal-sql-tool --db "$database" setup-schema -v 0.0
  temporal-sql-tool --db "$database" update-schema -d "$schema/$kind/versioned"
done
