"""Measures the product beside the floor of the same machine: what its engine, database and web server do bare."""
