"""The mind: who is connected, what is answered, told and done unasked. asyncio, but no socket, SQL or JSON."""
