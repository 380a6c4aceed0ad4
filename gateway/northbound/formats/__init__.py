"""The wire formats of readings, status and events."""
