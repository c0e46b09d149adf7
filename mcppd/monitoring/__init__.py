"""The senses turned inward: logs, metrics, health, and what systemd is told."""
