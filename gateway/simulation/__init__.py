"""`kogge simulate`: a virtual month of many end devices against the real network server.

Virtual end devices (`gateway.demo.device`), an air that loses and repeats, and a gateway that is
killed whenever it hurts: `world` moves them, `box` is one life of the gateway, `disk` what survives
it, and `judge` knows what must hold whatever happens. One seed is one month, to the microsecond.
"""
