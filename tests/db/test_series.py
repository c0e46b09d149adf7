"""Which register a transaction has, from its readings: the same before and after they are added to its row."""

import pytest

from mcppd.db import meter_values, progress, transactions
from mcppd.model.meter_values import Series
from tests.equipment.stored import NOON, reading, start_request


@pytest.mark.parametrize("account_after", [(), (1,), (2,), (1, 2)])
def test_a_zero_is_a_session_until_a_value_continues_from_meter_start(db, cp, account_after):
    begun = transactions.start(db, cp, start_request(), now=NOON, open_to_all=True).transaction
    seen = []
    for number, (register_wh, energy_wh) in enumerate(((0, 0), (1100, 100)), 1):
        meter_values.record(db, cp, [reading(begun.id, register_wh, energy_wh, number)])
        if number in account_after:
            progress.account(db)
        [(_, running)] = transactions.load_open(db)
        seen.append((running.register.series, running.energy_wh))
    assert seen == [(Series.SESSION, 0), (Series.LIFETIME, 100)]
