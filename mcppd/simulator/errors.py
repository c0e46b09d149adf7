"""What can go wrong in the simulator, beside the errors of the model that it shares:

MCPPDError
├── CallRefused
│   └── Offline              nothing was sent: there is no link, or it may not be used yet
├── CallFailed               sent, and nothing came of it: ConnectionClosed, NoAnswer, CallErrorReceived, BadAnswer
├── IllegalTransition        a step that the connection's state does not have: a bug
├── DialFailed               no link was made
└── SocketClosed             the link is gone
"""

from mcppd.model.errors import CallRefused, MCPPDError

CENTRAL_SYSTEM = "the central system"
"""What the other side is called in the errors of the model."""


class Offline(CallRefused):
    def __init__(self, action: str, why: str) -> None:
        self.action = action
        super().__init__(f"{action} was not sent: {why}")


class IllegalTransition(MCPPDError):
    def __init__(self, state: str, step: str) -> None:
        super().__init__(f"a connection that is {state} has no step {step}")


class DialFailed(MCPPDError):
    pass


class SocketClosed(MCPPDError):
    pass
