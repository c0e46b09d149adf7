"""The mind: who is connected, what is answered, what is told, what is done unasked. asyncio, but no socket, SQL or JSON."""
