"""SX1302 and SX1303 with SX1250 radios behind a USB microcontroller."""
