"""Our answers to a charge point of OCPP 1.6: one function for each class of reply."""

from typing import Any

from mcppd.model.replies import (
    Authorized,
    CertificateRequestTaken,
    CurrentTime,
    DataTransferred,
    IdTagInfo,
    Noted,
    Registered,
    Started,
    Stopped,
)
from mcppd.ocpp.fields import zulu

_MAX_ID_TAG = 20


def write_authorized(reply: Authorized) -> dict[str, Any]:
    return {"idTagInfo": _id_tag_info(reply.info)}


def write_registered(reply: Registered) -> dict[str, Any]:
    return {
        "currentTime": zulu(reply.current_time),
        "interval": reply.interval_s,
        "status": reply.status.value,
    }


def write_current_time(reply: CurrentTime) -> dict[str, Any]:
    return {"currentTime": zulu(reply.current_time)}


def write_started(reply: Started) -> dict[str, Any]:
    return {"idTagInfo": _id_tag_info(reply.info), "transactionId": reply.transaction_id}


def write_stopped(reply: Stopped) -> dict[str, Any]:
    return {} if reply.info is None else {"idTagInfo": _id_tag_info(reply.info)}


def write_data_transferred(reply: DataTransferred) -> dict[str, Any]:
    return {"status": reply.status} if reply.data is None else {"status": reply.status, "data": reply.data}


def write_certificate_request_taken(reply: CertificateRequestTaken) -> dict[str, Any]:
    return {"status": "Accepted" if reply.accepted else "Rejected"}


def write_noted(reply: Noted) -> dict[str, Any]:
    return {}


def _id_tag_info(info: IdTagInfo) -> dict[str, Any]:
    """A parent longer than 1.6 can say is left out: the tag's own status must reach the charge point all the same."""
    said = {"status": info.status.value}
    if info.parent_id_tag and len(info.parent_id_tag) <= _MAX_ID_TAG:
        said["parentIdTag"] = info.parent_id_tag
    if info.expires_at is not None:
        said["expiryDate"] = zulu(info.expires_at)
    return said
