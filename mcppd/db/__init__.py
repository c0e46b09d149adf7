"""The memory: SQLite through apsw. The only floor that knows SQL. See README.md here for the reasons."""
