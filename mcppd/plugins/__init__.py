"""Automation, through the same hooks as anybody's plugin: nothing here knows more of mcppd than `hooks` and `model`."""
