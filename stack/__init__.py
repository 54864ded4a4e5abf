"""The whole system on one machine: embedded PostgreSQL and Temporal, migrations, worker and API. `python -m stack`."""
