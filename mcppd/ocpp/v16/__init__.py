"""OCPP 1.6 with the security extension: the only package that knows its spellings. `dialect()` makes its tables."""

from mcppd.ocpp.v16.tables import dialect

__all__ = ["dialect"]
