"""mcppd: an OCPP central system for a box in a cupboard."""

__version__ = "0.1.0"
