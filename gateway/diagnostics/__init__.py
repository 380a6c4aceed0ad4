"""What the technician sees: control socket, health, counters."""
