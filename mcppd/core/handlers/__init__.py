"""One handler for each request, one screen long. Which is whose stands in `mcppd.core.routes`."""
