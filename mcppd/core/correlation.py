"""The thread through the log: one id from a frame's arrival over its commit to its answer and the commands it caused.

A task inherits the id of the code that made it; whoever starts something new sets a new one.
"""

from contextvars import ContextVar

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
