"""Remembers: tables, stores and queries over asyncpg. One store per noun; SQL stands where it is used."""
