"""A Hanseatic city in a box: virtual devices, a broker, and a judge."""
