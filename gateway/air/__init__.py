"""The way from the radio to the buffer and back to the air, at work: receive, decode, answer."""
