"""What mcppd is measured against: a central system as the README of the ocpp package shows one, without storage.

    python -m scripts.benchmark.baselines [--quiet]

Listens on a free port of loopback and prints it. Like the package's own example it logs at INFO, which there is every
message, both ways; with --quiet it logs nothing. Answers the messages of the scenarios and remembers nothing.
"""

import asyncio
import logging
import sys
from datetime import UTC, datetime
from itertools import count
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call_result
from ocpp.v16.enums import Action, AuthorizationStatus, RegistrationStatus

TRANSACTION_IDS = count(1)
ACCEPTED = {"status": AuthorizationStatus.accepted}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class ChargePoint(OcppChargePoint):
    @on(Action.boot_notification)
    def on_boot_notification(self, **told: Any) -> Any:
        return call_result.BootNotification(current_time=now(), interval=300, status=RegistrationStatus.accepted)

    @on(Action.heartbeat)
    def on_heartbeat(self) -> Any:
        return call_result.Heartbeat(current_time=now())

    @on(Action.status_notification)
    def on_status_notification(self, **told: Any) -> Any:
        return call_result.StatusNotification()

    @on(Action.start_transaction)
    def on_start_transaction(self, **told: Any) -> Any:
        return call_result.StartTransaction(transaction_id=next(TRANSACTION_IDS), id_tag_info=ACCEPTED)

    @on(Action.meter_values)
    def on_meter_values(self, **told: Any) -> Any:
        return call_result.MeterValues()

    @on(Action.stop_transaction)
    def on_stop_transaction(self, **told: Any) -> Any:
        return call_result.StopTransaction(id_tag_info=ACCEPTED)


async def on_connect(connection: websockets.ServerConnection) -> None:
    identity = connection.request.path.strip("/").rpartition("/")[2]
    await ChargePoint(identity, connection).start()


async def main() -> None:
    if "--quiet" not in sys.argv:
        # As the package's example has it; mcppd logs at INFO too. Both logs go where nobody reads them.
        logging.basicConfig(level=logging.INFO)
    server = await websockets.serve(on_connect, "127.0.0.1", 0, subprotocols=["ocpp1.6"])
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
