"""What a simulated charge point answers: the core and remote trigger profiles of OCPP 1.6 (section 5).

Handlers answer at once; what they lead to runs after the answer is sent (see `speech`). Another profile is another
class of `on` methods beside this one, given to `Speech.answer_with`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from ocpp.v16 import call_result
from ocpp.v16.enums import Action

from mcppd.simulator.configuration import Configuration
from mcppd.simulator.connector import Connector
from mcppd.simulator.speech import on


class Body(Protocol):
    """What the handlers need of the charge point."""

    keys: Configuration
    connectors: dict[int, Connector]

    def after_answer(self, work: Callable[[], object]) -> None: ...

    def remote_start(self, connector: Connector, id_tag: str) -> None: ...

    def restart(self, kind: str) -> None: ...

    def trigger(self, message: str, connector_id: int | None) -> bool:
        """Whether `message` can be triggered; it is sent after the answer. `connector_id` is one of ours or None."""
        ...

    def keys_changed(self) -> None: ...


class CoreHandlers:
    def __init__(self, body: Body) -> None:
        self._body = body

    @on(Action.remote_start_transaction)
    def remote_start_transaction(
        self, id_tag: str, connector_id: int | None = None, **_: Any
    ) -> call_result.RemoteStartTransaction:
        body = self._body
        candidates = list(body.connectors.values()) if connector_id is None else [body.connectors.get(connector_id)]
        able = [one for one in candidates if one is not None and one.can_start()]
        if not able:
            return call_result.RemoteStartTransaction("Rejected")
        chosen = next((one for one in able if one.vehicle is not None), able[0])
        body.after_answer(lambda: body.remote_start(chosen, id_tag))
        return call_result.RemoteStartTransaction("Accepted")

    @on(Action.remote_stop_transaction)
    def remote_stop_transaction(self, transaction_id: int, **_: Any) -> call_result.RemoteStopTransaction:
        for connector in self._body.connectors.values():
            transaction = connector.transaction
            if transaction is not None and transaction.id == transaction_id:
                self._body.after_answer(partial(connector.stop, "Remote"))
                return call_result.RemoteStopTransaction("Accepted")
        return call_result.RemoteStopTransaction("Rejected")

    @on(Action.reset)
    def reset(self, type: str, **_: Any) -> call_result.Reset:
        self._body.after_answer(lambda: self._body.restart(type))
        return call_result.Reset("Accepted")

    @on(Action.get_configuration)
    def get_configuration(self, key: list[str] | None = None, **_: Any) -> call_result.GetConfiguration:
        known, unknown = self._body.keys.read(key or [])
        return call_result.GetConfiguration(configuration_key=known, unknown_key=unknown)

    @on(Action.change_configuration)
    def change_configuration(self, key: str, value: str, **_: Any) -> call_result.ChangeConfiguration:
        status = self._body.keys.change(key, value)
        if status == "Accepted":
            self._body.after_answer(self._body.keys_changed)
        return call_result.ChangeConfiguration(status)

    @on(Action.trigger_message)
    def trigger_message(
        self, requested_message: str, connector_id: int | None = None, **_: Any
    ) -> call_result.TriggerMessage:
        if connector_id is not None and connector_id not in (0, *self._body.connectors):
            return call_result.TriggerMessage("Rejected")
        known = self._body.trigger(requested_message, connector_id)
        return call_result.TriggerMessage("Accepted" if known else "NotImplemented")
