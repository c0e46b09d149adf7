"""What goes with time: meter values outside transactions. Transactions and their readings stay."""

from datetime import datetime

import apsw


def prune_meter_values(db: apsw.Connection, before: datetime, limit: int = 1000) -> int:
    raise NotImplementedError
