"""Reading the configuration: files, environment and flags become one `Settings`, or one list of all that is wrong."""

from mcppd.config.changes import needs_restart
from mcppd.config.effective import effective
from mcppd.config.loading import DEFAULT_PATH, load

__all__ = ["DEFAULT_PATH", "effective", "load", "needs_restart"]
