"""An example of a plugin, to copy from. It does nothing until it is switched on in the configuration:

    plugins:
      example:
        enabled: true
        tag_prefix: GUEST-        # tags that begin so are accepted, whatever the list of tags says
        limit_kwh: 40             # and their transactions are stopped at this energy

All hooks there are, and the rules they keep to, are in mcppd/plugins/README.md.
"""

from mcppd.hooks import Context
from mcppd.model.commands import RemoteStopTransaction
from mcppd.model.errors import CallFailed, CallRefused
from mcppd.model.events import Event, MeterValuesReceived, TransactionStopped
from mcppd.model.replies import AuthorizationStatus, DataTransferred, IdTagInfo
from mcppd.model.requests import DataTransfer


class Example:
    # Only these events are delivered; without this line all are.
    subscribes = (MeterValuesReceived, TransactionStopped)

    async def start(self, context: Context) -> None:
        """Called once, before the first charge point is let in. An exception here disables the plugin alone."""
        self.context = context
        self.stopping: set[int] = set()
        # Answer the DataTransfer messages of one vendor. UnknownVendorId is the answer where nobody does.
        context.on_data_transfer("com.example", self.answer)
        context.log.info("example_started", extra={"config": dict(context.config)})

    async def on_event(self, event: Event) -> None:
        """Called for each event in order, after the charge point got its answer: nothing here can delay that."""
        match event:
            case MeterValuesReceived(transaction_id=int(transaction_id)):
                self.limit(event.charge_point, transaction_id)
            case TransactionStopped(transaction=transaction):
                self.stopping.discard(transaction.id)
                extra = {"charge_point": event.charge_point, "energy_wh": transaction.energy_wh}
                self.context.log.info("example_charge_ended", extra=extra)

    async def authorize(self, charge_point: str, id_tag: str) -> IdTagInfo | None:
        """Called for each tag. None means: no opinion, ask the next plugin, and in the end the configuration."""
        prefix = self.context.config.get("tag_prefix", "")
        if prefix and id_tag.upper().startswith(prefix.upper()):
            return IdTagInfo(AuthorizationStatus.ACCEPTED)
        return None

    def answer(self, charge_point: str, request: DataTransfer) -> DataTransferred:
        """A plain function runs in a thread: it may block, for plugins.decision_timeout at most."""
        if request.message_id != "hello":
            return DataTransferred("UnknownMessageId")
        return DataTransferred("Accepted", f"hello {charge_point}")

    def limit(self, charge_point: str, transaction_id: int) -> None:
        """Stop a guest's transaction at its limit, once."""
        limit_wh = 1000 * float(self.context.config.get("limit_kwh", 0))
        prefix = self.context.config.get("tag_prefix", "")
        view = self.context.charge_point(charge_point)
        running = [connector.transaction for connector in view.connectors if connector.transaction] if view else []
        for transaction in running:
            if transaction.id != transaction_id or transaction_id in self.stopping or not limit_wh:
                continue
            if transaction.energy_wh >= limit_wh and prefix and transaction.id_tag.upper().startswith(prefix.upper()):
                self.stopping.add(transaction_id)
                # A command may take as long as the charge point likes: beside, so that the next event need not wait.
                self.context.spawn(self.stop_transaction(charge_point, transaction_id), f"stop {transaction_id}")

    async def stop_transaction(self, charge_point: str, transaction_id: int) -> None:
        try:
            result = await self.context.send(charge_point, RemoteStopTransaction(transaction_id), wait_s=60)
        except (CallRefused, CallFailed) as error:
            self.context.log.warning("example_not_stopped", extra={"charge_point": charge_point, "reason": str(error)})
        else:
            extra = {"charge_point": charge_point, "accepted": result.answer.accepted}
            self.context.log.info("example_stopped", extra=extra)


def plugin() -> Example:
    """What mcppd calls to make the plugin: without arguments, once."""
    return Example()
