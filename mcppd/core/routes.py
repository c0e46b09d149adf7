"""Which handler answers which request: the whole table."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcppd.core.handlers.authorization import authorize
from mcppd.core.handlers.boot import boot_notification, heartbeat
from mcppd.core.handlers.data_transfer import data_transfer
from mcppd.core.handlers.jobs import diagnostics_status, firmware_status, log_status
from mcppd.core.handlers.meter_values import meter_values
from mcppd.core.handlers.security import security_event, sign_certificate
from mcppd.core.handlers.status import status_notification
from mcppd.core.handlers.transactions import start_transaction, stop_transaction
from mcppd.core.turn import Turn
from mcppd.model import requests
from mcppd.model.replies import Outcome

Handler = Callable[[Turn, Any], Awaitable[Outcome]]

HANDLERS: Mapping[type, Handler] = {
    requests.Authorize: authorize,
    requests.BootNotification: boot_notification,
    requests.DataTransfer: data_transfer,
    requests.DiagnosticsStatusNotification: diagnostics_status,
    requests.FirmwareStatusNotification: firmware_status,
    requests.Heartbeat: heartbeat,
    requests.LogStatusNotification: log_status,
    requests.MeterValues: meter_values,
    requests.SecurityEventNotification: security_event,
    requests.SignCertificate: sign_certificate,
    requests.StartTransaction: start_transaction,
    requests.StatusNotification: status_notification,
    requests.StopTransaction: stop_transaction,
}
