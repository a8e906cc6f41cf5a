"""The programs whose CPU is compared. Each is a process of its own: `python -m bench.clients.NAME LIST ...`."""
