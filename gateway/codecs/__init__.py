"""Payload to measurements: one vocabulary for every device."""
