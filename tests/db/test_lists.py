"""Transactions in pages, by what people ask for."""

import pytest

from mcppd.db import charge_points, meter_values, transactions
from mcppd.model.charge_points import Registration
from tests.equipment.stored import NOON, TWO, after, reading, start_request, stop_request, told


@pytest.fixture
def ids(db, cp):
    """Two of CP1, of which the first has ended, and one of CP2 with another tag."""
    other = charge_points.register(db, "CP2", Registration.ACCEPTED, NOON).id
    made = [
        transactions.start(db, owner, request, now=after(30), open_to_all=True).transaction.id
        for owner, request in (
            (cp, start_request()),
            (cp, start_request(connector=TWO, at=told(10))),
            (other, start_request(id_tag="other", at=told(20))),
        )
    ]
    transactions.stop(db, cp, stop_request(made[0], at=told(5), meter=2000), now=after(30), open_to_all=True)
    meter_values.record(db, cp, [reading(made[1], 1250, 250, 12, power_w=3000.0)])
    return made


class TestPages:
    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({}, [2, 1, 0]),
            ({"charge_point": "CP1"}, [1, 0]),
            ({"charge_point": "nobody"}, []),
            ({"open": True}, [2, 1]),
            ({"open": False}, [0]),
            ({"since": after(10)}, [2, 1]),
            ({"until": after(10)}, [0]),
            ({"since": after(1), "until": after(11)}, [1]),
            ({"id_tag": "OTHER"}, [2]),
            ({"id_tag": "tag", "open": True}, [1]),
            ({"limit": 2}, [2, 1]),
        ],
    )
    def test_newest_first_and_as_asked(self, db, ids, asked, found):
        assert [row.id for row in transactions.page(db, **asked)] == [ids[n] for n in found]

    def test_the_cursor_goes_on_where_the_page_ended(self, db, ids):
        first = transactions.page(db, limit=2)
        assert [row.id for row in transactions.page(db, before_id=first[-1].id)] == [ids[0]]

    def test_one_that_runs_shows_what_it_has_so_far(self, db, ids):
        row = transactions.find(db, ids[1])
        assert (row.energy_wh, row.max_power_w, row.stopped_at) == (250, 3000.0, None)

    def test_one_that_is_not_known_is_not_found(self, db):
        assert transactions.find(db, 1) is None
