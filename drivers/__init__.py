"""What speaks to concentrator hardware. It carries bytes and knows no LoRaWAN."""
