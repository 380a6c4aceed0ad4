"""A board that already runs a Semtech packet forwarder, as a concentrator over UDP (GWMP)."""
