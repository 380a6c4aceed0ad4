"""Compiled code: LoRaWAN frames on libcrypto, and device payloads. Bytes in, values out, no IO."""
