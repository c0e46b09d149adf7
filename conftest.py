"""Puts the repository's root on the path, so that tests can import `tests.equipment`."""
