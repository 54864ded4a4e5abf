"""What a person runs beside the system: seed, reconcile, replay, bench, and the OpenAPI file."""
