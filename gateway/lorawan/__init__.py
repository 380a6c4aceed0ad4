"""The LoRaWAN network server in the box: pure, no clock, no sockets, no SQL."""
