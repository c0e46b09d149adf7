"""What a charge point of OCPP 1.6 asks, read into the model's requests: one function for each action. All are total."""

from collections.abc import Mapping
from typing import Any

from mcppd.model import requests
from mcppd.model.charge_points import BootIdentity
from mcppd.model.timestamps import read_time
from mcppd.ocpp.fields import connector, integer, optional_text, optional_time, text
from mcppd.ocpp.v16.meter_values import read_meter_values

Said = Mapping[str, Any]


def read_authorize(said: Said) -> requests.Authorize:
    return requests.Authorize(text(said.get("idTag")))


def read_boot_notification(said: Said) -> requests.BootNotification:
    return requests.BootNotification(
        BootIdentity(
            vendor=optional_text(said.get("chargePointVendor")),
            model=optional_text(said.get("chargePointModel")),
            charge_point_serial=optional_text(said.get("chargePointSerialNumber")),
            charge_box_serial=optional_text(said.get("chargeBoxSerialNumber")),
            firmware=optional_text(said.get("firmwareVersion")),
            iccid=optional_text(said.get("iccid")),
            imsi=optional_text(said.get("imsi")),
            meter_type=optional_text(said.get("meterType")),
            meter_serial=optional_text(said.get("meterSerialNumber")),
        )
    )


def read_data_transfer(said: Said) -> requests.DataTransfer:
    """`data` is kept to the letter, whatever its length: it is the vendor's own."""
    data = said.get("data")
    return requests.DataTransfer(
        vendor_id=text(said.get("vendorId")),
        message_id=text(said.get("messageId")) or None,
        data=data if type(data) is str else None,
    )


def read_diagnostics_status(said: Said) -> requests.DiagnosticsStatusNotification:
    return requests.DiagnosticsStatusNotification(text(said.get("status")))


def read_firmware_status(said: Said) -> requests.FirmwareStatusNotification:
    return requests.FirmwareStatusNotification(text(said.get("status")))


def read_heartbeat(said: Said) -> requests.Heartbeat:
    return _HEARTBEAT


def read_log_status(said: Said) -> requests.LogStatusNotification:
    return requests.LogStatusNotification(text(said.get("status")), integer(said.get("requestId")))


def read_meter_values_request(said: Said) -> requests.MeterValues:
    transaction_id = integer(said.get("transactionId"))
    return requests.MeterValues(
        connector=connector(said.get("connectorId")),
        values=read_meter_values(said.get("meterValue")),
        transaction_id=transaction_id if transaction_id is not None and transaction_id > 0 else None,
    )


def read_security_event(said: Said) -> requests.SecurityEventNotification:
    return requests.SecurityEventNotification(
        type=text(said.get("type")),
        at=read_time(said.get("timestamp")),
        tech_info=optional_text(said.get("techInfo")),
    )


def read_sign_certificate(said: Said) -> requests.SignCertificate:
    return requests.SignCertificate(text(said.get("csr"), 5500))


def read_signed_firmware_status(said: Said) -> requests.FirmwareStatusNotification:
    return requests.FirmwareStatusNotification(text(said.get("status")), integer(said.get("requestId")), signed=True)


def read_start_transaction(said: Said) -> requests.StartTransaction:
    return requests.StartTransaction(
        connector=connector(said.get("connectorId")),
        id_tag=text(said.get("idTag")),
        meter_start_wh=integer(said.get("meterStart")),
        at=read_time(said.get("timestamp")),
        reservation_id=integer(said.get("reservationId")),
    )


def read_status_notification(said: Said) -> requests.StatusNotification:
    return requests.StatusNotification(
        connector=connector(said.get("connectorId")),
        status=text(said.get("status"), 64),
        error_code=text(said.get("errorCode"), 64) or "NoError",
        info=optional_text(said.get("info")),
        vendor_id=optional_text(said.get("vendorId")),
        vendor_error_code=optional_text(said.get("vendorErrorCode")),
        at=optional_time(said.get("timestamp")),
    )


def read_stop_transaction(said: Said) -> requests.StopTransaction:
    return requests.StopTransaction(
        transaction_id=integer(said.get("transactionId")),
        meter_stop_wh=integer(said.get("meterStop")),
        at=read_time(said.get("timestamp")),
        id_tag=text(said.get("idTag")) or None,
        reason=optional_text(said.get("reason"), 64),
        values=read_meter_values(said.get("transactionData")),
    )


_HEARTBEAT = requests.Heartbeat()
