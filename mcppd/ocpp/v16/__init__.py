"""OCPP 1.6 with the security extension: the only package that knows its spellings."""
