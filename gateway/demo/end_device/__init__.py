"""A LoRaWAN end device's MAC in parts: plan, settings, commands, windows, joining, back-off.

Written from the specifications (TS001-1.0.4, LoRaWAN 1.0.3 and 1.1, RP002-1.0.4) and sharing no
code with `gateway.lorawan`, only AES and CMAC: what both readings agree on is checked twice.
`gateway.demo.device` puts the parts together.
"""
