"""One connector: a cable, perhaps a vehicle, perhaps a transaction. What happens here is put into the outbox.

Rules.

1. Methods are plain and take no time; what they lead to is told in the order in which it happened.
2. A transaction lives here from its start whether or not the central system knows of it; its id comes with the answer.
3. Energy is counted from the monotonic clock, `speed` times as fast as it passes.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ocpp.v16 import call, call_result

from mcppd.model.charge_points import ConnectorStatus
from mcppd.model.meter_values import CONTEXT_PERIODIC, ENERGY
from mcppd.simulator.clock import Clock, Timer, timestamp
from mcppd.simulator.configuration import Configuration
from mcppd.simulator.meter import sampled_values
from mcppd.simulator.outbox import Message, Outbox
from mcppd.simulator.vehicle import Vehicle

UNKNOWN_TRANSACTION = 0
"""The id in a StopTransaction whose StartTransaction was never answered: the central system finds out which it is."""


@dataclass(eq=False, slots=True)
class Transaction:
    id_tag: str
    started_at: str
    meter_start_wh: int
    id: int | None = None
    stopped: bool = False


class Connector:
    def __init__(
        self,
        number: int,
        *,
        outbox: Outbox,
        keys: Configuration,
        clock: Clock,
        say: Callable[[str], None],
        speed: float = 1.0,
        register_wh: float = 0.0,
    ) -> None:
        self.number = number
        self.status = ConnectorStatus.AVAILABLE
        self.vehicle: Vehicle | None = None
        self.transaction: Transaction | None = None
        self.authorized: str | None = None
        """The tag that may start once a vehicle is plugged in."""
        self._outbox, self._keys, self._clock, self._say_line, self._speed = outbox, keys, clock, say, speed
        self._register_wh = register_wh
        self._metered_at_s = 0.0
        self._told: ConnectorStatus | None = None
        self._sampling: Timer | None = None
        self._patience: Timer | None = None
        self._watchers: set[asyncio.Future[None]] = set()

    @property
    def register_wh(self) -> int:
        return math.floor(self._register_wh + 1e-6)  # many small sums of floats end just below the whole

    @property
    def power_w(self) -> float:
        return self.vehicle.power_w() if self.vehicle and self.transaction else 0.0

    async def until(self, holds: Callable[["Connector"], bool]) -> None:
        """Wait until `holds` is true of this connector."""
        while not holds(self):
            changed = asyncio.get_running_loop().create_future()
            self._watchers.add(changed)
            try:
                await changed
            finally:
                self._watchers.discard(changed)

    def plug(self, vehicle: Vehicle) -> None:
        if self.vehicle is not None:
            return
        self.vehicle = vehicle
        self._say("plugged in")
        if self.authorized is not None:
            self._begin(self.authorized)
        else:
            self._show(ConnectorStatus.PREPARING)

    def unplug(self) -> None:
        if self.vehicle is None:
            return
        self._say("unplugged")
        self.stop("EVDisconnected")
        self.vehicle = None
        self._forget_authorization()
        self._show(ConnectorStatus.AVAILABLE)

    def can_start(self) -> bool:
        """Whether a transaction may begin, or be promised to a vehicle that is still to come."""
        free = self.status in (ConnectorStatus.AVAILABLE, ConnectorStatus.PREPARING)
        return free and self.transaction is None and self.authorized is None

    def start(self, id_tag: str) -> None:
        """`id_tag` may charge: at once with a vehicle plugged in, else within ConnectionTimeOut."""
        if not self.can_start():
            return
        if self.vehicle is not None:
            self._begin(id_tag)
            return
        self.authorized = id_tag
        self._say(f"{id_tag} may charge; waiting for a vehicle")
        self._show(ConnectorStatus.PREPARING)
        self._patience = self._clock.call_later(self._keys.count("ConnectionTimeOut"), self._nobody_came)

    def stop(self, reason: str, id_tag: str | None = None) -> None:
        """End the transaction, if there is one; `reason` as OCPP 1.6 spells it (7.36)."""
        transaction = self.transaction
        if transaction is None:
            return
        self._count()
        transaction.stopped = True
        self.transaction = None
        self._stop_sampling()
        meter_stop, at = self.register_wh, timestamp(self._clock.now())
        taken_wh = meter_stop - transaction.meter_start_wh
        self._say(f"transaction {transaction.id or 'without id'} stopped ({reason}): {taken_wh / 1000:.3f} kWh")
        self._put(
            "StopTransaction",
            lambda: call.StopTransaction(
                meter_stop=meter_stop,
                timestamp=at,
                transaction_id=UNKNOWN_TRANSACTION if transaction.id is None else transaction.id,
                reason=reason,
                id_tag=id_tag,
            ),
        )
        self._show(ConnectorStatus.FINISHING)

    def sample(self, context: str = CONTEXT_PERIODIC) -> call.MeterValues:
        """What the meter shows now. The transaction's id is whatever is known when this is called."""
        self._count()
        return self._reading(self._samples(context, or_else=[ENERGY]), self.transaction)

    def forget_told(self) -> None:
        """The central system is to be told the status again."""
        self._told = None

    def keys_changed(self) -> None:
        """MeterValueSampleInterval may be another one now."""
        if self.transaction is not None:
            self._start_sampling()

    def restart(self) -> None:
        """The charge point reboots: what it had promised is forgotten, the cable is where it was."""
        self._forget_authorization()
        self.status = ConnectorStatus.AVAILABLE if self.vehicle is None else ConnectorStatus.PREPARING
        self.forget_told()
        self._changed()

    def close(self) -> None:
        """No timer shall fire any more."""
        self._stop_sampling()
        self._forget_authorization()

    def status_message(self) -> Message:
        """A StatusNotification of now."""
        status, at = self.status, timestamp(self._clock.now())

        def answered(_: Any) -> None:
            self._told = status

        return Message(
            "StatusNotification",
            lambda: call.StatusNotification(self.number, "NoError", status.value, timestamp=at),
            answered=answered,
        )

    @property
    def untold(self) -> bool:
        """Whether the central system was told another status than the present one, or none."""
        return self._told is not self.status

    def _begin(self, id_tag: str) -> None:
        assert self.vehicle is not None
        self._forget_authorization()
        self.vehicle = self.vehicle.paused()
        self._metered_at_s = self._clock.monotonic()
        transaction = Transaction(id_tag, timestamp(self._clock.now()), self.register_wh)
        self.transaction = transaction
        self._show(ConnectorStatus.PREPARING)
        self._put(
            "StartTransaction",
            lambda: call.StartTransaction(
                connector_id=self.number,
                id_tag=transaction.id_tag,
                meter_start=transaction.meter_start_wh,
                timestamp=transaction.started_at,
            ),
            lambda answer: self._started(transaction, answer),
        )
        self._show(ConnectorStatus.CHARGING)
        self._start_sampling()

    def _started(self, transaction: Transaction, answer: call_result.StartTransaction) -> None:
        transaction.id = answer.transaction_id
        status = answer.id_tag_info["status"]
        self._say(f"transaction {transaction.id} started for {transaction.id_tag} ({status})")
        if status != "Accepted" and not transaction.stopped and self._keys.flag("StopTransactionOnInvalidId"):
            self.stop("DeAuthorized")
        self._changed()

    def _nobody_came(self) -> None:
        self._say("no vehicle came")
        self._forget_authorization()
        self._show(ConnectorStatus.AVAILABLE)

    def _forget_authorization(self) -> None:
        self.authorized = None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _start_sampling(self) -> None:
        self._stop_sampling()
        interval_s = self._keys.count("MeterValueSampleInterval")
        if interval_s > 0:
            self._sampling = self._clock.call_later(interval_s, self._sample_is_due)

    def _stop_sampling(self) -> None:
        if self._sampling is not None:
            self._sampling.cancel()
            self._sampling = None

    def _sample_is_due(self) -> None:
        self._start_sampling()
        transaction = self.transaction
        self._count()
        samples = self._samples(CONTEXT_PERIODIC)
        if transaction is None or self.vehicle is None or not samples:
            return
        self._put("MeterValues", lambda: self._reading(samples, transaction))
        taken_wh = self.register_wh - transaction.meter_start_wh
        charge = f"{self.vehicle.state_of_charge:.0%}"
        self._say(f"{self.power_w / 1000:.1f} kW, {taken_wh / 1000:.3f} kWh, battery {charge}")
        if self.vehicle.full and self.status is ConnectorStatus.CHARGING:
            self._show(ConnectorStatus.SUSPENDED_EV)

    def _samples(self, context: str, or_else: list[str] | None = None) -> list[dict[str, Any]]:
        measurands = self._keys.measurands("MeterValuesSampledData") or or_else or []
        sampled = sampled_values(measurands, self.register_wh, self.vehicle, self.power_w, context)
        return [{"timestamp": timestamp(self._clock.now()), "sampled_value": sampled}] if sampled else []

    def _reading(self, samples: list[dict[str, Any]], transaction: Transaction | None) -> call.MeterValues:
        return call.MeterValues(self.number, samples, transaction.id if transaction else None)

    def _count(self) -> None:
        """Bring the register up to now."""
        now_s = self._clock.monotonic()
        if self.vehicle is not None and self.transaction is not None:
            self.vehicle, taken_wh = self.vehicle.charge((now_s - self._metered_at_s) * self._speed)
            self._register_wh += taken_wh
        self._metered_at_s = now_s

    def _show(self, status: ConnectorStatus) -> None:
        if status is not self.status:
            self.status = status
            self._say(status.value)
            self._outbox.put(self.status_message())
        self._changed()

    def _put(self, action: str, build: Callable[[], Any], answered: Callable[[Any], None] | None = None) -> None:
        self._outbox.put(Message(action, build, durable=True, answered=answered))

    def _say(self, what: str) -> None:
        self._say_line(f"connector {self.number}: {what}")

    def _changed(self) -> None:
        for watcher in self._watchers:
            if not watcher.done():
                watcher.set_result(None)
